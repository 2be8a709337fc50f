package io.stellwerk;

/** The token is missing or wrong (option {@code token}, environment STELLWERK_TOKEN). */
public final class Unauthenticated extends RequestError {
    Unauthenticated(String text, Facts facts) {
        super(text, facts);
    }
}
