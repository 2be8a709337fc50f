package io.stellwerk;

/** The request is malformed; {@link #fields} lists everything that is wrong with it. */
public class InvalidArgument extends RequestError {
    InvalidArgument(String text, Facts facts) {
        super(text, facts);
    }
}
