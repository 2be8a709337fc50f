package io.stellwerk;

/** The run, workflow or dead letter does not exist in this namespace. */
public final class NotFound extends RequestError {
    NotFound(String text, Facts facts) {
        super(text, facts);
    }
}
