package io.stellwerk;

/**
 * Something to tell a run by name; kept until a step waits for a signal of that name.
 *
 * @param payload anything with a JSON form, or byte[]
 * @param signalId a run takes the same id once; empty: a fresh one
 */
public record Signal(String name, Object payload, String signalId) {
    /** A signal with a fresh id. */
    public Signal(String name, Object payload) {
        this(name, payload, "");
    }

    /** The message of it. Throws EncodeError. */
    io.stellwerk.v1.Signal message() {
        return io.stellwerk.v1.Signal.newBuilder()
                .setName(name)
                .setPayload(Payloads.encode(payload))
                .setSignalId(signalId)
                .build();
    }
}
