package io.stellwerk;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;

/** Ends futures away from the loop: what callers hang on them is theirs and may block. */
final class Futures {
    private Futures() {}

    static <T> void complete(CompletableFuture<T> future, T value) {
        future.defaultExecutor().execute(() -> future.complete(value));
    }

    static void fail(CompletableFuture<?> future, Throwable error) {
        future.defaultExecutor().execute(() -> future.completeExceptionally(error));
    }

    /** The future of what may fail at once. */
    static <T> CompletableFuture<T> attempt(Supplier<CompletableFuture<T>> work) {
        try {
            return work.get();
        } catch (StellwerkError error) {
            return CompletableFuture.failedFuture(error);
        }
    }

    /** Block for a value; the error is thrown as it is. */
    static <T> T await(CompletableFuture<T> future) {
        try {
            return future.join();
        } catch (CompletionException wrapped) {
            if (wrapped.getCause() instanceof StellwerkError error) {
                throw error;
            }
            throw wrapped;
        }
    }

    /** The error inside the wrappings of futures. */
    static Throwable unwrapped(Throwable error) {
        Throwable found = error;
        while ((found instanceof CompletionException || found instanceof ExecutionException)
                && found.getCause() != null) {
            found = found.getCause();
        }
        return found;
    }
}
