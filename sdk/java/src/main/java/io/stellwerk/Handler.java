package io.stellwerk;

/**
 * Runs the tasks of one action. It may block, throw anything, give a value with a JSON form or byte[], or something that
 * ends later: a CompletionStage. An Iterator, a Stream or a Flow.Publisher streams: each element is a chunk, and the
 * output is the list of them (joined, when all are byte[]).
 *
 * @param <T> what it takes
 */
@FunctionalInterface
public interface Handler<T> {
    /** Handle one input. */
    Object handle(T input) throws Exception;
}
