package io.stellwerk;

/** The idempotency key was used before with another input. */
public final class IdempotencyKeyReused extends FailedPrecondition {
    IdempotencyKeyReused(String text, Facts facts) {
        super(text, facts);
    }
}
