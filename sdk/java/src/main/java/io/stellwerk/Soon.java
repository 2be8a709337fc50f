package io.stellwerk;

import java.util.concurrent.atomic.AtomicBoolean;

/** Runs something soon in the loop, once for any number of requests until then; may be asked from any thread. */
final class Soon {
    private final Loop loop;
    private final Runnable work;
    private final AtomicBoolean due = new AtomicBoolean();

    Soon(Loop loop, Runnable work) {
        this.loop = loop;
        this.work = work;
    }

    void request() {
        if (!due.get() && due.compareAndSet(false, true)) {
            loop.execute(this::run);
        }
    }

    private void run() {
        due.set(false);
        work.run();
    }
}
