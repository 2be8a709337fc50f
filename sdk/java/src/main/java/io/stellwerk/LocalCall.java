package io.stellwerk;

import java.util.concurrent.Callable;

/** A local step the code has asked for: run by the worker that decides. */
final class LocalCall {
    private final String step;
    private final Callable<?> function;
    private final RetryPolicy retry;
    private volatile boolean givenUp;

    LocalCall(String step, Callable<?> function, RetryPolicy retry) {
        this.step = step;
        this.function = function;
        this.retry = retry;
    }

    String step() {
        return step;
    }

    Callable<?> function() {
        return function;
    }

    RetryPolicy retry() {
        return retry;
    }

    /** The code does not want its end any more. */
    void giveUp() {
        givenUp = true;
    }

    boolean isGivenUp() {
        return givenUp;
    }
}
