package io.stellwerk;

import java.time.Duration;

/** How a {@link Client} reaches its server; {@link #builder} says what the defaults are. */
public final class ClientOptions {
    private final Target target;
    private final Duration retry;

    private ClientOptions(Builder builder) {
        this.target = builder.target();
        this.retry = Words.notNegative("retry", builder.retry);
    }

    /** Options to fill in. */
    public static Builder builder() {
        return new Builder();
    }

    Target target() {
        return target;
    }

    Duration retry() {
        return retry;
    }

    /** Options to fill in; whatever is left out comes from the environment, else has its default. */
    public static final class Builder extends TargetBuilder<Builder> {
        private Duration retry = Duration.ofSeconds(30);

        private Builder() {}

        /** How long a call is sent again while the server cannot be reached or is busy; default 30 s. */
        public Builder retry(Duration retry) {
            this.retry = retry;
            return this;
        }

        /** The options. Throws IllegalArgumentException naming a bad one. */
        public ClientOptions build() {
            return new ClientOptions(this);
        }

        @Override
        Builder self() {
            return this;
        }
    }
}
