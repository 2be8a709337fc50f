package io.stellwerk;

import java.util.concurrent.Executor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Threads for the code of workflows, one for each run that is held; who holds runs bounds their number. Must not keep the
 * JVM alive: they are daemons, and those of evicted runs end soon.
 */
final class CodeThreads implements Executor {
    private static final long IDLE_S = 2;

    private final AtomicInteger begun = new AtomicInteger();
    private final ThreadPoolExecutor threads =
            new ThreadPoolExecutor(0, Integer.MAX_VALUE, IDLE_S, TimeUnit.SECONDS, new SynchronousQueue<>(), work -> {
                var thread = new Thread(work, "stellwerk-workflow-" + begun.incrementAndGet());
                thread.setDaemon(true);
                return thread;
            });

    @Override
    public void execute(Runnable work) {
        threads.execute(work);
    }

    /** How many run code now, or wait in it. */
    int active() {
        return threads.getActiveCount();
    }

    /** Let idle threads end; the others end with what they do. */
    void close() {
        threads.setKeepAliveTime(1, TimeUnit.MILLISECONDS);
    }
}
