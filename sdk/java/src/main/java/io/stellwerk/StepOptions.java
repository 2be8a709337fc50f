package io.stellwerk;

import io.stellwerk.v1.ActionCommand;
import io.stellwerk.v1.Timeouts;
import java.time.Duration;

/** What a step of a workflow's code may say beside its action and input. */
public final class StepOptions {
    static final StepOptions NONE = builder().build();

    private final String name;
    private final RetryPolicy retry;
    private final ActionCommand message;

    private StepOptions(Builder builder) {
        name = builder.name;
        retry = builder.retry;
        message = builder.message.build();
    }

    /** Options to fill in. */
    public static Builder builder() {
        return new Builder();
    }

    /** The step's name; empty: the action's. */
    String name() {
        return name;
    }

    RetryPolicy retry() {
        return retry == null ? RetryPolicy.DEFAULT : retry;
    }

    ActionCommand.Builder command() {
        return message.toBuilder();
    }

    /** Options to fill in; all may be left out. */
    public static final class Builder {
        private final ActionCommand.Builder message = ActionCommand.newBuilder();
        private String name = "";
        private RetryPolicy retry;

        private Builder() {}

        /** The step's name; default: the action. The second of a name is "name#2". */
        public Builder name(String name) {
            this.name = name;
            return this;
        }

        /** The queue whose workers run it; default "default". */
        public Builder queue(String queue) {
            message.setQueue(queue);
            return this;
        }

        /** Higher is handed out first; default 0. */
        public Builder priority(int priority) {
            message.setPriority(priority);
            return this;
        }

        /** When a failed attempt is followed by another; of a local step, too. */
        public Builder retry(RetryPolicy retry) {
            this.retry = retry;
            message.setRetry(retry.message());
            return this;
        }

        /** How long one attempt may take; default: as long as its worker lives. */
        public Builder attemptTimeout(Duration timeout) {
            timeouts().setAttempt(Wire.duration(Words.moreThanZero("timeout", timeout)));
            return this;
        }

        /** How long all attempts together may take; default: without limit. */
        public Builder totalTimeout(Duration timeout) {
            timeouts().setTotal(Wire.duration(Words.moreThanZero("timeout", timeout)));
            return this;
        }

        /** How long it may wait for a worker; default: without limit. */
        public Builder startTimeout(Duration timeout) {
            timeouts().setStart(Wire.duration(Words.moreThanZero("timeout", timeout)));
            return this;
        }

        /** The options. */
        public StepOptions build() {
            return new StepOptions(this);
        }

        private Timeouts.Builder timeouts() {
            return message.getTimeoutBuilder();
        }
    }
}
