package io.stellwerk;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One daemon thread that does everything of one worker or client in turn, so that their parts need no locks. Must never
 * run what belongs to the user: it would hold up all the rest.
 */
final class Loop implements Executor {
    private static final Logger LOGGER = LoggerFactory.getLogger("stellwerk");

    private final ScheduledThreadPoolExecutor executor;
    private volatile Thread thread;

    Loop(String name) {
        executor = new ScheduledThreadPoolExecutor(1, work -> {
            thread = new Thread(work, name);
            thread.setDaemon(true);
            return thread;
        });
        executor.setRemoveOnCancelPolicy(true);
        executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    }

    /** Do it in the loop's thread, soon; after the end of the loop, never. */
    @Override
    public void execute(Runnable work) {
        try {
            executor.execute(() -> attempt(work));
        } catch (RejectedExecutionException ended) {
            LOGGER.debug("something came after the end: {}", work);
        }
    }

    /** Do it once after a delay. */
    Future<?> after(Duration delay, Runnable work) {
        try {
            return executor.schedule(() -> attempt(work), delay.toNanos(), TimeUnit.NANOSECONDS);
        } catch (RejectedExecutionException ended) {
            LOGGER.debug("something came after the end: {}", work);
            return CompletableFuture.completedFuture(null);
        }
    }

    /** True in the loop's own thread. */
    boolean isHere() {
        return Thread.currentThread() == thread;
    }

    /** End once all that is due now is done; delayed work is dropped. */
    void close() {
        executor.shutdown();
    }

    private static void attempt(Runnable work) {
        try {
            work.run();
        } catch (Throwable error) { // a bug of ours must not end the worker
            LOGGER.error("a bug in Stellwerk's SDK", error);
        }
    }
}
