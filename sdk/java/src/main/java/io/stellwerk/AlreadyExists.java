package io.stellwerk;

/** Something with this name or id is there already. */
public final class AlreadyExists extends RequestError {
    AlreadyExists(String text, Facts facts) {
        super(text, facts);
    }
}
