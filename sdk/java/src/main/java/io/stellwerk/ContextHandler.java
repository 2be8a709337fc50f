package io.stellwerk;

/**
 * A {@link Handler} that wants to know of its task, too.
 *
 * @param <T> what it takes
 */
@FunctionalInterface
public interface ContextHandler<T> {
    /** Handle one input. */
    Object handle(T input, TaskContext ctx) throws Exception;
}
