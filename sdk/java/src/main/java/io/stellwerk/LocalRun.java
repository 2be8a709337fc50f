package io.stellwerk;

import io.stellwerk.v1.Failure;
import io.stellwerk.v1.LocalCommand;
import io.stellwerk.v1.Payload;
import java.time.Instant;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;

/**
 * A local step while it runs in a handler's thread, again by its policy until it has ended. Must not send its outcome nor
 * tell the code of it.
 */
final class LocalRun {
    private final LocalCall call;
    private final Loop loop;
    private final HandlerThreads threads;
    private final Consumer<LocalRun> ended;
    private Instant began;
    private LocalCommand outcome;
    private int attempt;
    private boolean cancelled;
    private Thread thread;

    /** {@code ended} is told in the loop, unless it is cancelled before. */
    LocalRun(LocalCall call, Loop loop, HandlerThreads threads, Consumer<LocalRun> ended) {
        this.call = call;
        this.loop = loop;
        this.threads = threads;
        this.ended = ended;
    }

    LocalCall call() {
        return call;
    }

    /** How it has ended. */
    LocalCommand outcome() {
        return outcome;
    }

    void begin() {
        attempt++;
        began = Instant.now();
        threads.submit(this::perform);
    }

    /** Nobody wants its end any more. */
    synchronized void cancel() {
        cancelled = true;
        if (thread != null) {
            thread.interrupt();
        }
    }

    private void perform() {
        if (!enter()) {
            return;
        }
        LocalCommand.Builder tried;
        try {
            tried = attempt(call, attempt);
        } finally {
            leave();
        }
        loop.execute(() -> tried(tried));
    }

    private void tried(LocalCommand.Builder tried) {
        if (isCancelled()) {
            return;
        }
        if (tried.hasFailure() && call.retry().allows(tried.getFailure(), attempt)) {
            double spread = ThreadLocalRandom.current().nextDouble(-1, 1);
            loop.after(call.retry().delay(tried.getFailure(), attempt, spread), this::begin);
            return;
        }
        outcome = tried.setStartTime(Wire.timestamp(began)).build();
        ended.accept(this);
    }

    /** Call the function once. */
    static LocalCommand.Builder attempt(LocalCall call, int attempt) {
        var tried = LocalCommand.newBuilder().setAttempts(attempt);
        try {
            Object value = call.function().call();
            if (value instanceof CompletionStage<?> stage) {
                value = stage.toCompletableFuture().get();
            }
            Payload output = Payloads.encode(value);
            if (output.getSerializedSize() > Payloads.BYTES_MAX) {
                return tried.setFailure(located(Failures.tooLarge(output.getSerializedSize()), call, attempt));
            }
            return tried.setOutput(output);
        } catch (Throwable error) { // whatever it is, it must not end the thread
            return tried.setFailure(located(Failures.of(Futures.unwrapped(error)), call, attempt));
        }
    }

    /** As the server will record it, so that the code sees the same in each replay. */
    private static Failure located(Failure failure, LocalCall call, int attempt) {
        return failure.toBuilder().setStep(call.step()).setAttempt(attempt).build();
    }

    private synchronized boolean enter() {
        thread = Thread.currentThread();
        return !cancelled;
    }

    private synchronized void leave() {
        thread = null;
        Thread.interrupted();
    }

    private synchronized boolean isCancelled() {
        return cancelled;
    }
}
