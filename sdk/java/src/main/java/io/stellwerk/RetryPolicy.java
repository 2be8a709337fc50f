package io.stellwerk;

import java.time.Duration;
import java.util.List;

/**
 * When a failed attempt of a step is followed by another: {@code RetryPolicy.builder().maxAttempts(5).build()}. What is
 * left out has the default of workflow definitions: 4 attempts, after 1 s, 2 s, 4 s, each ± 20 %.
 */
public final class RetryPolicy {
    static final RetryPolicy DEFAULT = builder().build();
    static final RetryPolicy ONCE = builder().maxAttempts(1).build();

    private static final int ATTEMPTS = 4;
    private static final Duration INITIAL = Duration.ofSeconds(1);
    private static final double BACKOFF = 2.0;
    private static final Duration MAX = Duration.ofSeconds(60);
    private static final double JITTER = 0.2;

    private final io.stellwerk.v1.RetryPolicy message;

    private RetryPolicy(io.stellwerk.v1.RetryPolicy message) {
        this.message = message;
    }

    /** A policy to fill in. */
    public static Builder builder() {
        return new Builder();
    }

    /** The one a message holds. */
    static RetryPolicy of(io.stellwerk.v1.RetryPolicy message) {
        return new RetryPolicy(message);
    }

    io.stellwerk.v1.RetryPolicy message() {
        return message;
    }

    int maxAttempts() {
        return message.hasMaxAttempts() ? message.getMaxAttempts() : ATTEMPTS;
    }

    /** True when that failure of that attempt is followed by another one. */
    boolean allows(io.stellwerk.v1.Failure failure, int attempt) {
        return !failure.getTerminal()
                && attempt < maxAttempts()
                && !message.getNonRetryableList().contains(failure.getType());
    }

    /** The delay after that attempt, between the policy's and its jitter: -1 is the least, 1 the most. */
    Duration delay(io.stellwerk.v1.Failure failure, int attempt, double spread) {
        if (failure.hasRetryAfter()) {
            return Wire.span(failure.getRetryAfter());
        }
        double mostS = seconds(message.hasMax() ? Wire.span(message.getMax()) : MAX);
        double firstS = seconds(message.hasInitial() ? Wire.span(message.getInitial()) : INITIAL);
        double backoff = message.hasBackoff() ? message.getBackoff() : BACKOFF;
        double jitter = message.hasJitter() ? message.getJitter() : JITTER;
        double delayS = Math.min(firstS * Math.pow(backoff, attempt - 1), mostS) * (1 + jitter * spread);
        return Duration.ofNanos((long) (Math.max(0, Math.min(delayS, mostS)) * 1e9));
    }

    private static double seconds(Duration span) {
        return span.toNanos() / 1e9;
    }

    /** A policy to fill in; all may be left out. */
    public static final class Builder {
        private final io.stellwerk.v1.RetryPolicy.Builder message = io.stellwerk.v1.RetryPolicy.newBuilder();

        private Builder() {}

        /** How many attempts there are at most; default 4, of a child run 1. */
        public Builder maxAttempts(int maxAttempts) {
            message.setMaxAttempts(Words.atLeast("maxAttempts", maxAttempts, 1));
            return this;
        }

        /** The delay after the first attempt; default 1 s. */
        public Builder initial(Duration initial) {
            message.setInitial(Wire.duration(Words.notNegative("initial", initial)));
            return this;
        }

        /** What each delay is multiplied by for the next; default 2. */
        public Builder backoff(double backoff) {
            message.setBackoff(backoff);
            return this;
        }

        /** The longest delay; default 60 s. */
        public Builder max(Duration max) {
            message.setMax(Wire.duration(Words.notNegative("max", max)));
            return this;
        }

        /** How much a delay may differ, as a part of it; default 0.2. */
        public Builder jitter(double jitter) {
            message.setJitter(jitter);
            return this;
        }

        /** Types of failures no attempt follows. */
        public Builder nonRetryable(String... types) {
            message.clearNonRetryable().addAllNonRetryable(List.of(types));
            return this;
        }

        /** The policy. */
        public RetryPolicy build() {
            return new RetryPolicy(message.build());
        }
    }
}
