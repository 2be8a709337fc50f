package io.stellwerk.testing;

import com.fasterxml.jackson.core.type.TypeReference;
import io.stellwerk.Rehearsal;
import io.stellwerk.RunState;
import io.stellwerk.WorkflowFunction;

/**
 * Holds code against recorded histories, before it meets the runs that go on:
 *
 * <pre>{@code Replay.replay(Files.readString(history), Order.class, Orders::run);}</pre>
 */
public final class Replay {
    private Replay() {}

    /**
     * Replay what {@code stellwerk run history --json} writes, as text or parsed; the input is plain Java.
     *
     * @return the run's state as far as the history goes
     * @throws NonDeterminism when the code does something else, naming step and difference
     */
    public static RunState replay(Object history, WorkflowFunction<Object> function) {
        return Rehearsal.replay(history, Object.class, function);
    }

    /** Replay a history; the input is read as a class. See {@link #replay(Object, WorkflowFunction)}. */
    public static <T> RunState replay(Object history, Class<T> input, WorkflowFunction<T> function) {
        return Rehearsal.replay(history, input, function);
    }

    /** Replay a history; the input is a generic type. See {@link #replay(Object, WorkflowFunction)}. */
    public static <T> RunState replay(Object history, TypeReference<T> input, WorkflowFunction<T> function) {
        return Rehearsal.replay(history, input.getType(), function);
    }
}
