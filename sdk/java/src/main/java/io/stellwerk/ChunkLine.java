package io.stellwerk;

import com.google.protobuf.ByteString;
import io.stellwerk.v1.Payload;
import io.stellwerk.v1.StreamResultRequest;
import io.stellwerk.v1.StreamResultResponse;
import io.stellwerk.v1.WorkerServiceGrpc;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * Chunks of running handlers on one StreamResult stream: in order, acknowledged, sent again when it breaks. Must not hold
 * without bound: a task with too many unacknowledged chunks waits.
 */
final class ChunkLine implements Talk<StreamResultRequest, StreamResultResponse> {
    private final ReentrantLock lock = new ReentrantLock();
    private final Deque<StreamResultRequest> unsaid = new ArrayDeque<>();
    private final Map<ByteString, TaskChunks> tasks = new HashMap<>();
    private final Duplex<StreamResultRequest, StreamResultResponse> line;
    private final Soon wakeSoon;

    ChunkLine(Loop loop, Calls calls) {
        line = new Duplex<>(loop, calls, WorkerServiceGrpc.getStreamResultMethod(), this);
        wakeSoon = new Soon(loop, line::wake);
    }

    /** Put a chunk on the line and wait until there is room for the next; from any thread but the loop's. */
    void send(HeldTask held, Payload payload) {
        if (payload.getSerializedSize() > Payloads.BYTES_MAX) {
            throw Payloads.tooLarge("chunk", payload.getSerializedSize());
        }
        held.checkNotCancelled();
        TaskChunks chunks = push(held, payload);
        wakeSoon.request();
        await(chunks, () -> !chunks.isFull());
    }

    /** Wait until every chunk of the task is durable. Throws what one was refused with. */
    void flush(HeldTask held) {
        TaskChunks chunks = held.chunks;
        if (chunks != null) {
            await(chunks, chunks.pending::isEmpty);
        }
    }

    /** Let whoever waits with the task look again. */
    void wake(HeldTask held) {
        TaskChunks chunks = held.chunks;
        if (chunks != null) {
            locked(chunks.moved::signalAll);
        }
    }

    /** The task is done: whatever is still unacknowledged has no lease any more. */
    void forget(HeldTask held) {
        TaskChunks chunks = held.chunks;
        if (chunks != null) {
            locked(() -> {
                tasks.remove(held.token());
                chunks.drop();
                chunks.moved.signalAll();
            });
        }
    }

    /** End the stream. */
    void close() {
        line.close();
    }

    @Override
    public StreamResultRequest take() {
        lock.lock();
        try {
            return unsaid.poll();
        } finally {
            lock.unlock();
        }
    }

    /** Every unacknowledged chunk goes again; the server ignores numbers it has. */
    @Override
    public void restart() {
        locked(() -> {
            unsaid.clear();
            tasks.values().forEach(chunks -> unsaid.addAll(chunks.pending));
        });
    }

    @Override
    public void receive(StreamResultResponse message) {
        lock.lock();
        try {
            TaskChunks chunks = tasks.get(message.getToken());
            if (chunks == null) {
                return;
            }
            if (message.hasRefusal()) {
                chunks.problem = Statuses.of(message.getRefusal());
                chunks.drop();
            } else {
                chunks.acknowledge(message.getSequence());
            }
            chunks.moved.signalAll();
            if (chunks.problem instanceof LeaseLost) {
                chunks.held.cancel("LEASE_LOST");
            }
        } finally {
            lock.unlock();
        }
    }

    @Override
    public boolean isBusy() {
        lock.lock();
        try {
            return tasks.values().stream().anyMatch(chunks -> !chunks.pending.isEmpty());
        } finally {
            lock.unlock();
        }
    }

    /** Nothing to do: a lease that is lost meanwhile cancels its handler. */
    @Override
    public void failed(RequestError problem) {}

    private TaskChunks push(HeldTask held, Payload payload) {
        lock.lock();
        try {
            TaskChunks chunks = held.chunks;
            if (chunks == null) {
                chunks = held.chunks = new TaskChunks(held, lock.newCondition());
                tasks.put(held.token(), chunks);
            }
            StreamResultRequest message = StreamResultRequest.newBuilder()
                    .setToken(held.token())
                    .setSequence(chunks.nextNumber())
                    .setChunk(payload)
                    .build();
            if (chunks.problem == null) {
                chunks.add(message);
                unsaid.add(message);
            }
            return chunks;
        } finally {
            lock.unlock();
        }
    }

    /** Wait until the line has moved on that far; throws a refusal or TaskCancelled. */
    private void await(TaskChunks chunks, BooleanSupplier isReady) {
        lock.lock();
        try {
            while (chunks.problem == null && !isReady.getAsBoolean()) {
                chunks.held.checkNotCancelled();
                chunks.moved.await();
            }
            if (chunks.problem != null) {
                throw chunks.problem;
            }
        } catch (InterruptedException interrupted) {
            chunks.held.checkNotCancelled();
            Thread.currentThread().interrupt();
            throw new StellwerkError("interrupted while chunks were on their way", interrupted);
        } finally {
            lock.unlock();
        }
    }

    private void locked(Runnable work) {
        lock.lock();
        try {
            work.run();
        } finally {
            lock.unlock();
        }
    }
}
