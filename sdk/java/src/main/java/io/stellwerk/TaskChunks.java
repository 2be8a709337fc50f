package io.stellwerk;

import io.stellwerk.v1.StreamResultRequest;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;

/** The unacknowledged chunks of one attempt; every access needs the lock of its {@link ChunkLine}. */
final class TaskChunks {
    private static final int WINDOW_CHUNKS = 256;
    private static final int WINDOW_BYTES = 4 * 1024 * 1024;

    final HeldTask held;
    final Condition moved;
    final Deque<StreamResultRequest> pending = new ArrayDeque<>();
    RequestError problem;
    private long last;
    private long pendingBytes;

    TaskChunks(HeldTask held, Condition moved) {
        this.held = held;
        this.moved = moved;
    }

    /** True while the next chunk has to wait. */
    boolean isFull() {
        return pending.size() >= WINDOW_CHUNKS || pendingBytes >= WINDOW_BYTES;
    }

    long nextNumber() {
        return ++last;
    }

    void add(StreamResultRequest message) {
        pending.add(message);
        pendingBytes += message.getSerializedSize();
    }

    /** All chunks up to this number are durable. */
    void acknowledge(long number) {
        while (!pending.isEmpty() && pending.peek().getSequence() <= number) {
            pendingBytes -= pending.poll().getSerializedSize();
        }
    }

    /** Nothing of it needs to be sent any more. */
    void drop() {
        pending.clear();
        pendingBytes = 0;
    }
}
