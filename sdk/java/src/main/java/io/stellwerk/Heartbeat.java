package io.stellwerk;

import io.grpc.CallOptions;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ClientResponseObserver;
import io.stellwerk.v1.CancelledTask;
import io.stellwerk.v1.HeartbeatRequest;
import io.stellwerk.v1.HeartbeatResponse;
import io.stellwerk.v1.WorkerServiceGrpc;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The worker's line: a thread with a channel of its own, open for the worker's life, so that nothing the worker does can
 * keep it from beating. Must not touch the worker's loop but through {@code onCancelled}.
 */
final class Heartbeat {
    private static final Logger LOGGER = LoggerFactory.getLogger("stellwerk");
    private static final long INTERVAL_MS = 3_000;
    /** An open line says enough while nothing is held; a thousand idle workers should cost nothing. */
    private static final long IDLE_MS = 58_500;
    /** Shorter tasks are done before anybody could doubt them. */
    private static final long YOUNG_NS = 1_000_000_000L;

    private static final long PROGRESS_GAP_MS = 100;
    private static final long FIRST_ANSWER_MS = 2_000;

    private final Loop loop = new Loop("stellwerk-heartbeat");
    private final Calls calls;
    private final HeartbeatRequest hello;
    private final Supplier<Collection<HeldTask>> held;
    private final Consumer<List<CancelledTask>> onCancelled;
    private final Backoff backoff = new Backoff(50, 1_000);
    private final Soon pokeSoon = new Soon(loop, this::poked);
    private final CompletableFuture<Void> answered = new CompletableFuture<>();
    private final CompletableFuture<Void> left = new CompletableFuture<>();
    private Line line;
    private Future<?> next;
    private boolean beatSoon;
    private long intervalMs = INTERVAL_MS;
    private long saidNs;
    private boolean leaving;

    /** {@code hello} is the first message of each stream. */
    Heartbeat(
            Target target,
            HeartbeatRequest hello,
            Supplier<Collection<HeldTask>> held,
            Consumer<List<CancelledTask>> onCancelled) {
        this.calls = new Calls(target, loop);
        this.hello = hello;
        this.held = held;
        this.onCancelled = onCancelled;
    }

    /** Open the line; completes with the first answer on it, or when none comes in time. */
    CompletableFuture<Void> start() {
        loop.execute(this::open);
        return answered.completeOnTimeout(null, FIRST_ANSWER_MS, TimeUnit.MILLISECONDS);
    }

    /** Beat soon: there is progress to tell. From any thread. */
    void poke() {
        pokeSoon.request();
    }

    /** Say good-bye and close; blocks for at most {@code limit}. */
    void stop(Duration limit) {
        loop.execute(this::leave);
        try {
            left.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException | ExecutionException late) {
            LOGGER.debug("the heartbeat line did not end in time");
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        calls.close();
        loop.close();
    }

    private void open() {
        if (leaving) {
            return;
        }
        line = new Line();
        ClientCalls.asyncBidiStreamingCall(
                calls.channel().newCall(WorkerServiceGrpc.getHeartbeatMethod(), CallOptions.DEFAULT), line);
        say(greeting());
        beatAfter(intervalMs);
    }

    private void ended(RequestError problem) {
        line = null;
        if (leaving) {
            left.complete(null);
            return;
        }
        if (problem != null) {
            LOGGER.info("the heartbeat line broke, opening it again: {}", problem.getMessage());
        }
        loop.after(backoff.next(problem), () -> {
            calls.connectAgain();
            open();
        });
    }

    private void heard(HeartbeatResponse response) {
        backoff.reset();
        answered.complete(null);
        if (response.getIntervalMs() > 0 && response.getIntervalMs() != intervalMs) {
            intervalMs = response.getIntervalMs();
            if (!beatSoon) { // progress that is about to be told does not wait for the new interval
                beatAfter(intervalMs);
            }
        }
        if (response.getCancelledCount() > 0) {
            onCancelled.accept(response.getCancelledList());
        }
        if (response.getDraining() && !leaving && line != null) {
            line.requests.cancel("the server drains", null);
        }
    }

    private void leave() {
        leaving = true;
        if (line == null) {
            left.complete(null);
            return;
        }
        say(named().setLeaving(true).build());
        line.requests.onCompleted();
    }

    private void say(HeartbeatRequest message) {
        saidNs = System.nanoTime();
        line.requests.onNext(message);
    }

    private void poked() {
        if (!beatSoon) {
            beatSoon = true;
            beatAfter(Math.max(PROGRESS_GAP_MS - silentMs(), 0));
        }
    }

    private long silentMs() {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - saidNs);
    }

    private void beatAfter(long delayMs) {
        if (next != null) {
            next.cancel(false);
        }
        next = loop.after(Duration.ofMillis(delayMs), this::beat);
    }

    private void beat() {
        beatSoon = false;
        if (leaving) {
            return;
        }
        beatAfter(intervalMs);
        if (line != null && line.requests.isReady()) {
            HeartbeatRequest message = message();
            if (message.getHeldCount() > 0 || silentMs() >= IDLE_MS) {
                say(message);
            }
        }
    }

    /** Tells everything, so that a server that knows nothing of this worker can go on. */
    private HeartbeatRequest greeting() {
        HeartbeatRequest.Builder greeting = hello.toBuilder();
        for (HeldTask task : held.get()) {
            task.progressSaid = true;
            greeting.addHeld(message(task, true));
        }
        return greeting.build();
    }

    /** The tasks held for a while, and new progress. */
    private HeartbeatRequest message() {
        long nowNs = System.nanoTime();
        HeartbeatRequest.Builder message = named();
        for (HeldTask task : held.get()) {
            if (!task.progressSaid) {
                task.progressSaid = true;
                message.addHeld(message(task, true));
            } else if (nowNs - task.receivedNs > YOUNG_NS) {
                message.addHeld(message(task, false));
            }
        }
        return message.build();
    }

    private static io.stellwerk.v1.HeldTask message(HeldTask task, boolean withProgress) {
        var message = io.stellwerk.v1.HeldTask.newBuilder().setToken(task.token());
        if (withProgress && task.progress != null) {
            message.setProgress(task.progress);
        }
        return message.build();
    }

    private HeartbeatRequest.Builder named() {
        return HeartbeatRequest.newBuilder().setNamespace(hello.getNamespace()).setWorkerId(hello.getWorkerId());
    }

    private final class Line implements ClientResponseObserver<HeartbeatRequest, HeartbeatResponse> {
        private ClientCallStreamObserver<HeartbeatRequest> requests;

        @Override
        public void beforeStart(ClientCallStreamObserver<HeartbeatRequest> stream) {
            requests = stream;
        }

        @Override
        public void onNext(HeartbeatResponse message) {
            heard(message);
        }

        @Override
        public void onError(Throwable error) {
            ended(calls.problem(error));
        }

        @Override
        public void onCompleted() {
            ended(null);
        }
    }
}
