package io.stellwerk;

import io.stellwerk.v1.StartRunRequest;
import java.time.Duration;
import java.util.Map;

/** What a start may say beside its workflow and input. */
public final class StartOptions {
    static final StartOptions NONE = builder().build();

    private final Builder options;

    private StartOptions(Builder options) {
        this.options = options;
    }

    /** Options to fill in. */
    public static Builder builder() {
        return new Builder();
    }

    void fill(StartRunRequest.Builder request) {
        request.setIdempotencyKey(options.idempotencyKey)
                .setVersion(options.version)
                .putAllTrace(options.trace);
        if (options.timeout != null) {
            request.setTimeout(Wire.duration(options.timeout));
        }
        if (options.signal != null) {
            request.setSignal(options.signal.message());
        }
    }

    /** Options to fill in; all may be left out. */
    public static final class Builder {
        private String idempotencyKey = "";
        private Duration timeout;
        private int version;
        private Map<String, String> trace = Map.of();
        private Signal signal;

        private Builder() {}

        /**
         * The same key and input give the same run ({@link RunHandle#deduplicated}); another input fails with
         * IdempotencyKeyReused. Default: none.
         */
        public Builder idempotencyKey(String idempotencyKey) {
            this.idempotencyKey = idempotencyKey == null ? "" : idempotencyKey;
            return this;
        }

        /** The run ends as TIMED_OUT after this long; default: the definition's. */
        public Builder timeout(Duration timeout) {
            if (timeout != null && (timeout.isNegative() || timeout.isZero())) {
                String came = Words.seconds(timeout);
                throw new IllegalArgumentException("timeout: expected more than 0 seconds, came " + came);
            }
            this.timeout = timeout;
            return this;
        }

        /** Version of the workflow; default 0: the current one. */
        public Builder version(int version) {
            this.version = version;
            return this;
        }

        /** W3C trace context, handed to every task of the run; default: none. */
        public Builder trace(Map<String, String> trace) {
            this.trace = Map.copyOf(trace);
            return this;
        }

        /**
         * Told to the run in the transaction that starts it; when the key finds a run there, to that one (RunTerminal when
         * it has ended). Default: none.
         */
        public Builder signal(Signal signal) {
            this.signal = signal;
            return this;
        }

        /** The options. */
        public StartOptions build() {
            var copy = new Builder();
            copy.idempotencyKey = idempotencyKey;
            copy.timeout = timeout;
            copy.version = version;
            copy.trace = trace;
            copy.signal = signal;
            return new StartOptions(copy);
        }
    }
}
