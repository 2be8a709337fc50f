package io.stellwerk;

/** The thing is not in a state that allows this. */
public class FailedPrecondition extends RequestError {
    FailedPrecondition(String text, Facts facts) {
        super(text, facts);
    }
}
