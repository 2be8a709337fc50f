package io.stellwerk;

import io.grpc.CallOptions;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ClientResponseObserver;
import io.stellwerk.v1.RunServiceGrpc;
import io.stellwerk.v1.WatchRunRequest;
import io.stellwerk.v1.WatchRunResponse;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A run's events and chunks as they happen; to be walked once, by one thread, and closed. It survives its connection and
 * remembers what was seen, so that nothing comes twice. Walking blocks; it throws Unavailable when the connection cannot
 * be opened again within the client's retry time, and other RequestErrors at once.
 */
public final class Watch implements Iterable<WatchItem>, AutoCloseable {
    private static final Said END = new Said(null, null);

    private final Connection connection;
    private final String runId;
    private final boolean chunks;
    private final Map<String, Long> chunksSeen = new HashMap<>();
    private final BlockingQueue<Said> said = new LinkedBlockingQueue<>();
    private final Backoff backoff = new Backoff();
    private final Runnable onClose = () -> fail(new StellwerkError("the client is closed"));
    private volatile Listener listener;
    private volatile boolean closed;
    private long sequence;
    private long aliveNs = System.nanoTime();

    /** A message, a problem, or neither: the end. */
    private record Said(WatchRunResponse message, StellwerkError problem) {}

    Watch(Connection connection, String runId, long afterSequence, boolean chunks) {
        this.connection = connection;
        this.runId = runId;
        this.chunks = chunks;
        this.sequence = afterSequence;
        connection.onClose(onClose);
    }

    @Override
    public Iterator<WatchItem> iterator() {
        return new Walk();
    }

    /** The items one after the other. */
    public Stream<WatchItem> stream() {
        return StreamSupport.stream(spliterator(), false);
    }

    /** Stop watching; a walk going on ends. */
    @Override
    public void close() {
        closed = true;
        connection.forget(onClose);
        hangUp();
        said.add(END);
    }

    private void fail(StellwerkError problem) {
        said.add(new Said(null, problem));
    }

    private void hangUp() {
        Listener open = listener;
        if (open != null) {
            open.requests.cancel("the watch was closed", null);
        }
    }

    private void listen() {
        listener = new Listener();
        var request = WatchRunRequest.newBuilder()
                .setNamespace(connection.namespace())
                .setRunId(runId)
                .setAfterSequence(sequence)
                .setIncludeChunks(chunks);
        var call = connection.calls().channel().newCall(RunServiceGrpc.getWatchRunMethod(), CallOptions.DEFAULT);
        ClientCalls.asyncServerStreamingCall(call, request.build(), listener);
    }

    /** Blocks for the next message; null at the end. */
    private WatchRunResponse next() {
        while (!closed) {
            if (listener == null) {
                listen();
            }
            Said next = take();
            if (next.problem() != null) {
                pause(next.problem());
            } else if (next.message() == null) {
                return null;
            } else {
                aliveNs = System.nanoTime();
                backoff.reset();
                return next.message();
            }
        }
        return null;
    }

    private Said take() {
        try {
            return said.take();
        } catch (InterruptedException interrupted) {
            close();
            Thread.currentThread().interrupt();
            throw new StellwerkError("the watch of run " + runId + " was interrupted", interrupted);
        }
    }

    private void pause(StellwerkError problem) {
        boolean late = System.nanoTime() - aliveNs > connection.retry().toNanos();
        if (!(problem instanceof RequestError broken)
                || !Statuses.isRetryable(broken)
                || (late && broken instanceof Unavailable)) {
            close();
            throw problem;
        }
        try {
            Thread.sleep(backoff.next(broken).toMillis());
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        connection.calls().connectAgain();
        listener = null;
    }

    /** Chunks come first: they were streamed before the event that ends their attempt. */
    private void keepUnseen(WatchRunResponse message, Deque<WatchItem> items) {
        for (io.stellwerk.v1.Chunk chunk : message.getChunksList()) {
            String attempt = chunk.getStep() + "/" + chunk.getAttempt();
            if (chunk.getSequence() > chunksSeen.getOrDefault(attempt, 0L)) {
                chunksSeen.put(attempt, chunk.getSequence());
                items.add(Wire.chunk(chunk));
            }
        }
        for (io.stellwerk.v1.Event event : message.getEventsList()) {
            if (event.getSequence() > sequence) {
                sequence = event.getSequence();
                items.add(Wire.event(event));
            }
        }
    }

    private final class Walk implements Iterator<WatchItem> {
        private final Deque<WatchItem> items = new ArrayDeque<>();
        private boolean ended;

        @Override
        public boolean hasNext() {
            while (items.isEmpty() && !ended) {
                WatchRunResponse message = Watch.this.next();
                if (message == null) {
                    ended = true;
                    close();
                } else {
                    keepUnseen(message, items);
                    listener.requests.request(1);
                }
            }
            return !items.isEmpty();
        }

        @Override
        public WatchItem next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            return items.remove();
        }
    }

    /** One message at a time: a slow walk slows the server down. */
    private final class Listener implements ClientResponseObserver<WatchRunRequest, WatchRunResponse> {
        private ClientCallStreamObserver<WatchRunRequest> requests;

        @Override
        public void beforeStart(ClientCallStreamObserver<WatchRunRequest> stream) {
            requests = stream;
            stream.disableAutoRequestWithInitial(1);
        }

        @Override
        public void onNext(WatchRunResponse message) {
            said.add(new Said(message, null));
        }

        @Override
        public void onError(Throwable error) {
            if (!closed) {
                fail(connection.calls().problem(error));
            }
        }

        @Override
        public void onCompleted() {
            said.add(END);
        }
    }
}
