package io.stellwerk;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Waits of tests that are not about interrupts. */
final class Await {
    private static final long WAIT_S = 10;

    private Await() {}

    static boolean latch(CountDownLatch latch) {
        try {
            return latch.await(WAIT_S, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }
}
