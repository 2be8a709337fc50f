package io.stellwerk;

import java.time.Duration;

/**
 * The attempt fails and is tried again while the policy allows attempts.
 *
 * <pre>{@code throw new RetryableError("rate limited", Duration.ofSeconds(30));}</pre>
 */
public class RetryableError extends HandlerError {
    private final Duration retryAfter;

    /** A failure that is tried again after the policy's delay. */
    public RetryableError(String message) {
        this(message, null, null, null);
    }

    /** A failure that is tried again after this delay; null: the policy's. */
    public RetryableError(String message, Duration retryAfter) {
        this(message, retryAfter, null, null);
    }

    /**
     * A failure with a type (null: the name of the class) and any JSON value as details.
     *
     * @throws IllegalArgumentException for a negative delay
     */
    public RetryableError(String message, Duration retryAfter, String type, Object details) {
        super(message, type, details);
        if (retryAfter != null && retryAfter.isNegative()) {
            throw new IllegalArgumentException("retryAfter: expected a number >= 0, came " + Words.seconds(retryAfter));
        }
        this.retryAfter = retryAfter;
    }

    /** The time before the next attempt; null: the policy's delay. */
    public Duration retryAfter() {
        return retryAfter;
    }
}
