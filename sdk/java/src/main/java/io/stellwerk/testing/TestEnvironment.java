package io.stellwerk.testing;

import com.fasterxml.jackson.core.type.TypeReference;
import io.stellwerk.ContextHandler;
import io.stellwerk.Handler;
import io.stellwerk.Rehearsal;
import io.stellwerk.Worker;
import io.stellwerk.WorkflowFunction;
import java.time.Duration;

/**
 * Runs workflows in this program, without a server, in virtual time:
 *
 * <pre>{@code
 * try (var env = new TestEnvironment()) {
 *     env.workflow("order", Order.class, Orders::run);
 *     env.handler("charge", card -> "ok");
 *     TestRun run = env.start("order", order);
 *     env.skip(Duration.ofDays(3));
 *     run.signal("approval", Map.of("by", "me"));
 *     assertEquals("done", run.result());
 * }
 * }</pre>
 *
 * <p>Handlers run in the test's thread, one after the other; time stands still meanwhile. Retries use the real policy,
 * without jitter. When a run ends, and at every skip, its history is replayed: code that does something else then throws
 * {@link NonDeterminism}. For one thread.
 */
public final class TestEnvironment implements AutoCloseable {
    private final Rehearsal rehearsal;

    /** With the workflows of {@link io.stellwerk.Workflows}, and no handlers. */
    public TestEnvironment() {
        this(null);
    }

    /** With the handlers and workflows of a worker, which is not started. */
    public TestEnvironment(Worker worker) {
        rehearsal = new Rehearsal(worker);
    }

    /** Run {@code handler} for every step of the action, instead of the one before; its input is plain Java. */
    public TestEnvironment handler(String action, Handler<Object> handler) {
        rehearsal.handler(action, Object.class, (input, ctx) -> handler.handle(input));
        return this;
    }

    /** Run {@code handler}, which gets its task too. */
    public TestEnvironment handler(String action, ContextHandler<Object> handler) {
        rehearsal.handler(action, Object.class, handler);
        return this;
    }

    /** Run {@code handler}; its input is read as a class. */
    public <T> TestEnvironment handler(String action, Class<T> input, Handler<T> handler) {
        rehearsal.<T>handler(action, input, (value, ctx) -> handler.handle(value));
        return this;
    }

    /** Run {@code handler}, which gets its task too; its input is read as a class. */
    public <T> TestEnvironment handler(String action, Class<T> input, ContextHandler<T> handler) {
        rehearsal.handler(action, input, handler);
        return this;
    }

    /** Have a workflow, to start or to be a child of another, instead of the one before; its input is plain Java. */
    public TestEnvironment workflow(String name, WorkflowFunction<Object> function) {
        rehearsal.workflow(name, Object.class, function);
        return this;
    }

    /** Have a workflow; its input is read as a class. */
    public <T> TestEnvironment workflow(String name, Class<T> input, WorkflowFunction<T> function) {
        rehearsal.workflow(name, input, function);
        return this;
    }

    /** Have a workflow; its input is a generic type. */
    public <T> TestEnvironment workflow(String name, TypeReference<T> input, WorkflowFunction<T> function) {
        rehearsal.workflow(name, input.getType(), function);
        return this;
    }

    /** Start a run without input. */
    public TestRun start(String workflow) {
        return start(workflow, null);
    }

    /** Start a run; it goes as far as it can without time passing. */
    public TestRun start(String workflow, Object input) {
        return new TestRun(rehearsal.start(workflow, input));
    }

    /** Let so much time pass: everything that is due meanwhile happens in order. Throws NonDeterminism. */
    public void skip(Duration span) {
        rehearsal.skip(span);
    }

    /** Let go of runs that have not ended. */
    @Override
    public void close() {
        rehearsal.close();
    }
}
