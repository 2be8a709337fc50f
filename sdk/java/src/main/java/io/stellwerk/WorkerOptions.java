package io.stellwerk;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** How a {@link Worker} works; {@link #builder} says what the defaults are. */
public final class WorkerOptions {
    private final Target target;
    private final String workerId;
    private final String queue;
    private final int slots;
    private final int polls;
    private final Duration drain;

    private WorkerOptions(Builder builder) {
        target = builder.target();
        workerId = builder.workerId == null || builder.workerId.isEmpty() ? freshId() : builder.workerId;
        queue = builder.queue;
        slots = Words.atLeast("slots", builder.slots, 1);
        polls = Words.atLeast("polls", builder.polls, 1);
        drain = Words.notNegative("drain", builder.drain);
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
