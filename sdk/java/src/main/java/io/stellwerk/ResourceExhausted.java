package io.stellwerk;

/** A rate or quota is used up; {@link #retryAfter} says when to come back. */
public final class ResourceExhausted extends RequestError {
    ResourceExhausted(String text, Facts facts) {
        super(text, facts);
    }
}
