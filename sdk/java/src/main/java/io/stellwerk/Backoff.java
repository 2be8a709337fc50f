package io.stellwerk;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** Growing delays with jitter: each is between half of its step and all of it. */
final class Backoff {
    private final long firstMs;
    private final long lastMs;
    private long stepMs;

    /** As for calls: 0.1 s doubling to 5 s. */
    Backoff() {
        this(100, 5_000);
    }

    Backoff(long firstMs, long lastMs) {
        this.firstMs = firstMs;
        this.lastMs = lastMs;
        this.stepMs = firstMs;
    }

    /** The next delay, at least what the server asked for. */
    Duration next(RequestError problem) {
        Duration delay = jittered(stepMs);
        stepMs = Math.min(stepMs * 2, lastMs);
        Duration asked = problem == null ? null : problem.retryAfter();
        return asked != null && asked.compareTo(delay) > 0 ? asked : delay;
    }

    /** Start small again, after a success. */
    void reset() {
        stepMs = firstMs;
    }

    static Duration jittered(long stepMs) {
        return Duration.ofNanos(ThreadLocalRandom.current().nextLong(stepMs * 500_000, stepMs * 1_000_000 + 1));
    }
}
