package io.stellwerk;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;

/**
 * Threads for handlers, cheap for short ones: a thread that wakes takes all there is to do, and wakes the next one only
 * when it has taken something and more is waiting. So short handlers are done by few threads without a switch for each,
 * and blocking ones never hold up others. Must not keep the JVM alive: the threads are daemons.
 */
final class HandlerThreads {
    private final int size;
    private final Runnable onCaughtUp;
    private final Queue<Runnable> waiting = new ConcurrentLinkedQueue<>();
    private final Semaphore wakings = new Semaphore(0);
    private final Object lock = new Object();
    private volatile boolean waking;
    private volatile boolean closed;
    private int idle;
    private int begun;

    /** {@code onCaughtUp} is called whenever the last that waited has found its thread. */
    HandlerThreads(int size, Runnable onCaughtUp) {
        this.size = size;
        this.onCaughtUp = onCaughtUp;
    }

    /** Run it in a thread; returns at once. */
    void submit(Runnable work) {
        waiting.add(work);
        wake();
    }

    /** True while something waits for a thread. */
    boolean isBehind() {
        return !waiting.isEmpty();
    }

    /** Let idle threads end; busy ones end after what they do. */
    void close() {
        closed = true;
        wakings.release(size);
    }

    /** At most one thread is being woken at any time; it looks at what is waiting after it is awake. */
    private void wake() {
        if (waking) {
            return;
        }
        boolean begin;
        synchronized (lock) {
            if (waking) {
                return;
            }
            waking = true;
            begin = idle == 0 && begun < size;
            begun += begin ? 1 : 0;
        }
        wakings.release();
        if (begin) {
            var thread = new Thread(this::serve, "stellwerk-handler-" + begun);
            thread.setDaemon(true);
            thread.start();
        }
    }

    private void serve() {
        while (awaitWaking()) {
            for (Runnable work = waiting.poll(); work != null; work = waiting.poll()) {
                if (isBehind()) {
                    wake();
                } else {
                    onCaughtUp.run();
                }
                work.run();
            }
        }
    }

    private boolean awaitWaking() {
        synchronized (lock) {
            idle++;
        }
        wakings.acquireUninterruptibly();
        synchronized (lock) {
            idle--;
            waking = false;
        }
        return !closed || isBehind();
    }
}
