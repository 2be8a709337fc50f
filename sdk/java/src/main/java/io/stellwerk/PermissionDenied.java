package io.stellwerk;

/** The token does not allow this. */
public final class PermissionDenied extends RequestError {
    PermissionDenied(String text, Facts facts) {
        super(text, facts);
    }
}
