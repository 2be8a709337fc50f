package io.stellwerk;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** How a {@link Worker} works; {@link #builder} says what the defaults are. */
public final class WorkerOptions {
    private static final int DECISIONS_MAX = 200;
    private static final int DECISIONS_MIN = 16;

    private final Target target;
    private final String workerId;
    private final String queue;
    private final int slots;
    private final int polls;
    private final Duration drain;
    private final String build;
    private final boolean pinRuns;
    private final int cachedRuns;

    private WorkerOptions(Builder builder) {
        target = builder.target();
        workerId = builder.workerId == null || builder.workerId.isEmpty() ? freshId() : builder.workerId;
        queue = builder.queue;
        slots = Words.atLeast("slots", builder.slots, 1);
        polls = Words.atLeast("polls", builder.polls, 1);
        drain = Words.notNegative("drain", builder.drain);
        build = builder.build == null ? "" : builder.build;
        pinRuns = builder.pinRuns;
        cachedRuns = Words.atLeast("cachedRuns", builder.cachedRuns, 0);
    }

    /** Options to fill in. */
    public static Builder builder() {
        return new Builder();
    }

    Target target() {
        return target;
    }

    String workerId() {
        return workerId;
    }

    String queue() {
        return queue;
    }

    int slots() {
        return slots;
    }

    int polls() {
        return polls;
    }

    Duration drain() {
        return drain;
    }

    /** The build that was given; else a digest of the workflows' code, empty without any. */
    String build(WorkerPlans plans) {
        if (!build.isEmpty() || plans.workflows().isEmpty()) {
            return build;
        }
        return Builds.digest(plans.workflows().values());
    }

    boolean pinRuns() {
        return pinRuns;
    }

    int cachedRuns() {
        return cachedRuns;
    }

    /** How many runs it decides at once: each has a thread, so with a small cache there are few more than that. */
    int decisionSlots() {
        return Math.min(DECISIONS_MAX, Math.max(cachedRuns, DECISIONS_MIN));
    }

    static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException unknown) {
            return "localhost";
        }
    }

    private static String freshId() {
        String random = String.format("%08x", ThreadLocalRandom.current().nextInt());
        return hostName() + "-" + ProcessHandle.current().pid() + "-" + random;
    }

    /** Options to fill in; whatever is left out comes from the environment, else has its default. */
    public static final class Builder extends TargetBuilder<Builder> {
        private String workerId;
        private String queue = "default";
        private int slots = 100;
        private int polls = 3;
        private Duration drain = Duration.ofSeconds(30);
        private String build = System.getenv("STELLWERK_BUILD");
        private boolean pinRuns;
        private int cachedRuns = 200;

        private Builder() {}

        /** The queue it serves; default "default". */
        public Builder queue(String queue) {
            this.queue = queue;
            return this;
        }

        /** How many tasks it runs at once, and how many threads handlers get at most; default 100. */
        public Builder slots(int slots) {
            this.slots = slots;
            return this;
        }

        /** How many polls are open while slots are free; default 3. */
        public Builder polls(int polls) {
            this.polls = polls;
            return this;
        }

        /** Unique among live workers; default: host-pid-random. */
        public Builder workerId(String workerId) {
            this.workerId = workerId;
            return this;
        }

        /** How long a stop waits for running handlers before it cancels them; default 30 s. */
        public Builder drain(Duration drain) {
            this.drain = drain;
            return this;
        }

        /** Which code its workflows are; default: STELLWERK_BUILD, else a digest of the classes they stand in. */
        public Builder build(String build) {
            this.build = build;
            return this;
        }

        /** Whether runs stay on the build they began with while a worker of it is there; default false. */
        public Builder pinRuns(boolean pinRuns) {
            this.pinRuns = pinRuns;
            return this;
        }

        /** How many runs of code it holds between decisions, at the cost of a thread each; default 200. */
        public Builder cachedRuns(int cachedRuns) {
            this.cachedRuns = cachedRuns;
            return this;
        }

        /** The options. Throws IllegalArgumentException naming a bad one. */
        public WorkerOptions build() {
            return new WorkerOptions(this);
        }

        @Override
        Builder self() {
            return this;
        }
    }
}
