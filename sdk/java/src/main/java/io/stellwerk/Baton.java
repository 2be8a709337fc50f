package io.stellwerk;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool.ManagedBlocker;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Whose turn it is: the driver's, or that of a run's code. Exactly one of them runs, so that the code does the same thing
 * each time. Must not know what they do with their turns.
 *
 * <p>Code waits in here ({@link #pass}), or in a future that is not ours (a plain allOf): then its thread is parked where
 * nobody can hand it anything, and a second thread does the next thing for it, which may set the first one free.
 */
final class Baton {
    private static final long LOOK_MS = 1;

    private final Deque<Hand> hands = new ArrayDeque<>();
    private boolean codesTurn;
    private boolean coming;
    private Runnable work;
    private Unwinding unwinding;

    /** A thread of the code; {@code waits} while it stands in here. */
    private static final class Hand {
        private final Thread thread = Thread.currentThread();
        private boolean waits;

        /** True in a future that nobody has completed yet. */
        private boolean isParked() {
            return !waits
                    && LockSupport.getBlocker(thread) instanceof ManagedBlocker blocker
                    && !blocker.isReleasable();
        }
    }

    /** Have the code do this and go on until it can go no further; false when that takes longer than the limit. */
    boolean drive(Runnable first, Executor threads, Duration limit) {
        boolean inside;
        synchronized (this) {
            codesTurn = true;
            inside = isInside();
            coming = !inside;
            if (inside) {
                work = first;
                notifyAll();
            }
        }
        if (!inside) {
            threads.execute(() -> hold(first));
        }
        return awaitTurn(limit);
    }

    /** True when the code waits in here, and not in a future that is not ours. */
    synchronized boolean isInside() {
        return !hands.isEmpty() && hands.peek().waits;
    }

    /** Code: hand the turn back until there is something to do, and do that. */
    void pass() {
        Runnable next;
        synchronized (this) {
            codesTurn = false;
            notifyAll();
            next = standBy(hands.peek());
        }
        next.run();
    }

    /** Code: go on only when it is this thread's turn; false for a thread that is none of the code's. */
    boolean enter() {
        Runnable next;
        synchronized (this) {
            Hand hand = mine();
            if (hand == null) {
                return false;
            }
            if (unwinding == null && codesTurn && hands.peek() == hand) {
                return true;
            }
            next = standBy(hand);
        }
        next.run();
        return true;
    }

    /** True in a thread of the code. */
    synchronized boolean isHere() {
        return mine() != null;
    }

    /** Whoever waits in here, or comes in, leaves with this. */
    synchronized void unwind(Unwinding error) {
        unwinding = error;
        notifyAll();
    }

    /** True while a thread of the code is anywhere but in here. */
    synchronized boolean isOutside() {
        return hands.stream().anyMatch(hand -> !hand.waits);
    }

    /** Wake threads that wait for something of their own. */
    synchronized void interrupt() {
        hands.forEach(hand -> hand.thread.interrupt());
    }

    /** Where the code is. */
    synchronized StackTraceElement[] stack() {
        return hands.isEmpty() ? new StackTraceElement[0] : hands.peek().thread.getStackTrace();
    }

    /** The time a thread is the code's. */
    private void hold(Runnable body) {
        synchronized (this) {
            if (unwinding != null) {
                codesTurn = false;
                notifyAll();
                return;
            }
            hands.push(new Hand());
            coming = false;
        }
        try {
            body.run();
        } catch (Unwinding over) {
            Thread.interrupted();
        } finally {
            synchronized (this) {
                hands.remove(mine());
                if (hands.isEmpty() || hands.peek().isParked()) {
                    codesTurn = false;
                }
                notifyAll();
            }
            Thread.interrupted();
        }
    }

    /** One after the other, as the driver lets them; an interrupt is nothing to workflows. */
    private Runnable standBy(Hand hand) {
        hand.waits = true;
        while (unwinding == null && !(codesTurn && hands.peek() == hand)) {
            try {
                wait();
            } catch (InterruptedException ignored) {
                continue;
            }
        }
        hand.waits = false;
        if (unwinding != null) {
            throw unwinding;
        }
        Runnable next = work == null ? () -> {} : work;
        work = null;
        return next;
    }

    private synchronized boolean awaitTurn(Duration limit) {
        long endNs = System.nanoTime() + limit.toNanos();
        while (codesTurn) {
            try {
                TimeUnit.MILLISECONDS.timedWait(this, LOOK_MS);
            } catch (InterruptedException interrupted) {
                return false;
            }
            if (!coming && !hands.isEmpty() && hands.peek().isParked()) {
                codesTurn = false;
            } else if (codesTurn && System.nanoTime() > endNs) {
                return false;
            }
        }
        return true;
    }

    private Hand mine() {
        for (Hand hand : hands) {
            if (hand.thread == Thread.currentThread()) {
                return hand;
            }
        }
        return null;
    }
}
