package io.stellwerk;

import java.time.Duration;

/** How long one call may be tried again: gives the delay before the next try until time is up. */
final class Budget {
    private final Backoff backoff = new Backoff();
    private final long endNs;

    Budget(Duration retry) {
        endNs = System.nanoTime() + retry.toNanos();
    }

    /** The time to wait before sending again; null when the error is final or the time is up. */
    Duration delay(RequestError problem) {
        if (!Statuses.isRetryable(problem)) {
            return null;
        }
        Duration delay = backoff.next(problem);
        return System.nanoTime() + delay.toNanos() < endNs ? delay : null;
    }
}
