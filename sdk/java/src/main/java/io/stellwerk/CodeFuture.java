package io.stellwerk;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * What ctx gives for a call that waits, and what is derived of it: who waits for it in the code's thread hands the turn
 * back. Times are the run's, so timeouts are durable timers. Must not decide when it ends.
 */
final class CodeFuture<T> extends CompletableFuture<T> {
    private final Replayer code;
    private final String step;
    private final List<? extends CompletableFuture<?>> sources;

    private CodeFuture(Replayer code, String step, List<? extends CompletableFuture<?>> sources) {
        this.code = code;
        this.step = step;
        this.sources = sources;
    }

    /** Of a command that makes a step. */
    static <T> CodeFuture<T> of(Replayer code, String step) {
        return new CodeFuture<>(code, step, List.of());
    }

    /** Of others. */
    static <T> CodeFuture<T> from(Replayer code, List<? extends CompletableFuture<?>> sources) {
        return new CodeFuture<>(code, "", sources);
    }

    /** The step it is the end of; empty for one that is derived. */
    String step() {
        return step;
    }

    /** What it was derived of. */
    List<? extends CompletableFuture<?>> sources() {
        return sources;
    }

    @Override
    public <U> CompletableFuture<U> newIncompleteFuture() {
        return from(code, List.of(this));
    }

    /** "Async" is a later turn of the same code. */
    @Override
    public Executor defaultExecutor() {
        return code::later;
    }

    /** Throws what ctx's own calls throw as it is. */
    @Override
    public T join() {
        awaited();
        try {
            return super.join();
        } catch (CompletionException wrapped) {
            if (Futures.unwrapped(wrapped) instanceof StellwerkError error) {
                throw error;
            }
            throw wrapped;
        }
    }

    @Override
    public T get() throws InterruptedException, ExecutionException {
        awaited();
        return super.get();
    }

    /** Waits so long of the run's time. */
    @Override
    public T get(long timeout, TimeUnit unit) throws InterruptedException, ExecutionException, TimeoutException {
        if (!isDone() && code.isHere()) {
            CompletableFuture<Object> timer = code.sleep(Duration.of(timeout, unit.toChronoUnit()));
            code.await(() -> isDone() || timer.isDone(), List.of(this, timer));
            if (!isDone()) {
                throw new TimeoutException();
            }
            timer.cancel(false);
        }
        return super.get(timeout, unit);
    }

    @Override
    public CompletableFuture<T> orTimeout(long timeout, TimeUnit unit) {
        return after(timeout, unit, () -> completeExceptionally(new TimeoutException()));
    }

    @Override
    public CompletableFuture<T> completeOnTimeout(T value, long timeout, TimeUnit unit) {
        return after(timeout, unit, () -> complete(value));
    }

    /** Gives the call up: the step is cancelled. */
    @Override
    public boolean cancel(boolean mayInterrupt) {
        boolean open = !isDone() && !step.isEmpty();
        if (open) {
            code.giveUp(step);
        }
        return super.cancel(mayInterrupt);
    }

    private CompletableFuture<T> after(long timeout, TimeUnit unit, Runnable work) {
        if (isDone()) {
            return this;
        }
        CompletableFuture<Object> timer = code.sleep(Duration.of(timeout, unit.toChronoUnit()));
        whenComplete((value, error) -> timer.cancel(false));
        timer.thenRun(() -> {
            if (!isDone() && !step.isEmpty()) {
                code.giveUp(step);
            }
            work.run();
        });
        return this;
    }

    private void awaited() {
        if (!isDone() && code.isHere()) {
            code.await(this::isDone, List.of(this));
        }
    }
}
