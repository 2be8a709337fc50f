package io.stellwerk;

import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.function.BooleanSupplier;

/** Time that passes only when it is told to. Must not know what its timers are for. */
final class VirtualClock {
    private static final Instant BEGIN = Instant.parse("2026-01-01T00:00:00Z");

    private final PriorityQueue<Timer> timers =
            new PriorityQueue<>(Comparator.comparing(Timer::due).thenComparing(Timer::number));
    private Instant now = BEGIN;
    private long begun;

    private record Timer(Instant due, long number, BooleanSupplier wanted, Runnable work) {}

    Instant now() {
        return now;
    }

    /** Do it then, if it is still wanted. */
    void at(Instant due, BooleanSupplier wanted, Runnable work) {
        timers.add(new Timer(due, begun++, wanted, work));
    }

    /** When the next timer is due that somebody still wants; null for never. */
    Instant next() {
        while (!timers.isEmpty() && !timers.peek().wanted().getAsBoolean()) {
            timers.poll();
        }
        return timers.isEmpty() ? null : timers.peek().due();
    }

    /** Let time pass up to the next timer, and do what it is for. */
    void fire() {
        Timer timer = timers.poll();
        pass(timer.due());
        timer.work().run();
    }

    /** Let time pass up to then. */
    void pass(Instant then) {
        now = then.isAfter(now) ? then : now;
    }

    static long micros(Instant moment) {
        return Duration.between(Instant.EPOCH, moment).toNanos() / 1_000;
    }
}
