package io.stellwerk;

import io.stellwerk.v1.ChildCommand;
import java.time.Duration;

/** What a child run may be told beside its workflow and input. */
public final class ChildOptions {
    static final ChildOptions NONE = builder().build();

    private final String name;
    private final ChildCommand message;

    private ChildOptions(Builder builder) {
        name = builder.name;
        message = builder.message.build();
    }

    /** Options to fill in. */
    public static Builder builder() {
        return new Builder();
    }

    /** The step's name; empty: the workflow's. */
    String name() {
        return name;
    }

    ChildCommand.Builder command() {
        return message.toBuilder();
    }

    /** Options to fill in; all may be left out. */
    public static final class Builder {
        private final ChildCommand.Builder message = ChildCommand.newBuilder();
        private String name = "";

        private Builder() {}

        /** The step's name; default: the workflow's. */
        public Builder name(String name) {
            this.name = name;
            return this;
        }

        /** What becomes of it when this run ends first; default: it is cancelled. */
        public Builder parentClose(ParentClose parentClose) {
            message.setParentClose(parentClose.text());
            return this;
        }

        /** When another run follows one that failed; default: never. */
        public Builder retry(RetryPolicy retry) {
            message.setRetry(retry.message());
            return this;
        }

        /** How long it may take, with all its attempts; default: without limit. */
        public Builder timeout(Duration timeout) {
            message.setTimeout(Wire.duration(Words.moreThanZero("timeout", timeout)));
            return this;
        }

        /** The options. */
        public ChildOptions build() {
            return new ChildOptions(this);
        }
    }
}
