package io.stellwerk;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JavaType;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs handlers for the tasks of their actions.
 *
 * <pre>{@code
 * Worker worker = new Worker();
 * worker.register("step1", payload -> "Processed: " + payload);
 * worker.register("billing.charge", Charge.class, (charge, ctx) -> billing.charge(charge, ctx.idempotencyKey()));
 * worker.start();
 * }</pre>
 *
 * <p>Handlers run in threads of their own and may block. What they throw is the attempt's failure: {@link TerminalError}
 * ends the step, {@link RetryableError} names the delay, anything else is retried by the step's policy. An output that
 * cannot be written fails the step for good as "EncodeError", an input that does not fit as "InputError".
 */
public final class Worker implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger("stellwerk");
    private static final JavaType ANY = Json.MAPPER.constructType(Object.class);

    private final WorkerOptions options;
    private final Map<String, HandlerPlan> plans = new TreeMap<>();
    private final Map<String, WorkflowPlan> workflows = new TreeMap<>();
    private Life life;
    private CountDownLatch ended;

    /** A worker with the options of the environment, else the defaults. */
    public Worker() {
        this(WorkerOptions.builder().build());
    }

    /** A worker with these options. */
    public Worker(WorkerOptions options) {
        Telemetry.configure();
        this.options = options;
    }

    /** The id the server knows this worker by. */
    public String workerId() {
        return options.workerId();
    }

    /** The actions it has a handler for, sorted. */
    public synchronized List<String> actions() {
        return List.copyOf(plans.keySet());
    }

    /** The workflows it decides, sorted; those of {@link Workflows} too. */
    public List<String> workflows() {
        return List.copyOf(plans().workflows().keySet());
    }

    /** Run {@code handler} for every task of {@code action}; its input is plain Java (Map, List, String, Long, ...). */
    public Worker register(String action, Handler<Object> handler) {
        return register(action, ANY, withoutContext(handler));
    }

    /** Run {@code handler}, which gets its task too, for every task of {@code action}; its input is plain Java. */
    public Worker register(String action, ContextHandler<Object> handler) {
        return register(action, ANY, handler);
    }

    /** Run {@code handler} for every task of {@code action}; its input is read as a class by Jackson. */
    public <T> Worker register(String action, Class<T> input, Handler<T> handler) {
        return register(action, Json.MAPPER.constructType(input), withoutContext(handler));
    }

    /** Run {@code handler}, which gets its task too; its input is read as a class by Jackson. */
    public <T> Worker register(String action, Class<T> input, ContextHandler<T> handler) {
        return register(action, Json.MAPPER.constructType(input), handler);
    }

    /** Run {@code handler}; its input is a generic type: {@code new TypeReference<List<Line>>() {}}. */
    public <T> Worker register(String action, TypeReference<T> input, Handler<T> handler) {
        return register(action, Json.MAPPER.constructType(input), withoutContext(handler));
    }

    /** Run {@code handler}, which gets its task too; its input is a generic type. */
    public <T> Worker register(String action, TypeReference<T> input, ContextHandler<T> handler) {
        return register(action, Json.MAPPER.constructType(input), handler);
    }

    /** Decide the runs of a workflow that is code; its input is plain Java (Map, List, String, Long, ...). */
    public Worker workflow(String name, WorkflowFunction<Object> function) {
        return workflow(name, ANY, function);
    }

    /**
     * Decide the runs of a workflow that is code; its input is read as a class by Jackson.
     *
     * <pre>{@code
     * worker.workflow("signup", User.class, (ctx, user) -> {
     *     ctx.step("sendWelcomeEmail", user);
     *     ctx.sleep(Duration.ofHours(1));
     *     return ctx.step("sendFollowupEmail", user);
     * });
     * }</pre>
     */
    public <T> Worker workflow(String name, Class<T> input, WorkflowFunction<T> function) {
        return workflow(name, Json.MAPPER.constructType(input), function);
    }

    /** Decide the runs of a workflow that is code; its input is a generic type. */
    public <T> Worker workflow(String name, TypeReference<T> input, WorkflowFunction<T> function) {
        return workflow(name, Json.MAPPER.constructType(input), function);
    }

    /**
     * Work until SIGTERM or SIGINT (or {@link #stop}), then drain; blocks. A second signal ends the drain at once, and so
     * does an interrupt. A JVM that ends for another reason waits for the drain.
     *
     * @throws StellwerkError without a handler, or when it runs already
     */
    public void start() {
        Life begun = begin();
        var hook = new Thread(this::stopAndWait, "stellwerk-shutdown");
        Runtime.getRuntime().addShutdownHook(hook);
        try (Signals signals = Signals.listen(this::stop)) {
            LOGGER.debug("{} ends the worker", signals);
            live(begun);
        } finally {
            remove(hook);
        }
    }

    /**
     * Work in a thread of its own until {@link #stop}, then drain; the future completes after that. Cancelling it cancels
     * the handlers and leaves quickly. Does not care for signals.
     *
     * @return fails with StellwerkError without a handler, or when it runs already
     */
    public CompletableFuture<Void> run() {
        var gone = new CompletableFuture<Void>();
        Life begun;
        try {
            begun = begin();
        } catch (StellwerkError error) {
            return CompletableFuture.failedFuture(error);
        }
        var thread = new Thread(
                () -> {
                    live(begun);
                    gone.complete(null);
                },
                "stellwerk-life");
        thread.start();
        gone.whenComplete((nothing, error) -> {
            if (error != null) {
                thread.interrupt();
            }
        });
        return gone;
    }

    /** Begin the drain: running tasks may end, no new ones come. From any thread; twice cuts it short. */
    public synchronized void stop() {
        if (life != null) {
            life.stop();
        }
    }

    /** Stop, and wait until the drain is over. */
    @Override
    public void close() {
        stopAndWait();
    }

    private synchronized Worker register(String action, JavaType input, ContextHandler<?> handler) {
        String name = "handler of " + Words.quoted(String.valueOf(action));
        if (life != null) {
            throw new StellwerkError(name + ": register it before the worker is started");
        }
        if (plans.containsKey(String.valueOf(action))) {
            throw new IllegalArgumentException(name + ": expected one, came a second");
        }
        plans.put(action, HandlerPlan.of(action, input, handler));
        return this;
    }

    private synchronized Worker workflow(String name, JavaType input, WorkflowFunction<?> function) {
        if (life != null) {
            throw new StellwerkError("workflow " + Words.quoted(name) + ": register it before the worker is started");
        }
        Workflows.add(workflows, WorkflowPlan.of(name, input, function));
        return this;
    }

    /** What it can do when it is started now. */
    synchronized WorkerPlans plans() {
        Map<String, WorkflowPlan> all = Workflows.defined();
        all.putAll(workflows);
        return new WorkerPlans(plans, all);
    }

    private static <T> ContextHandler<T> withoutContext(Handler<T> handler) {
        return handler == null ? null : (input, ctx) -> handler.handle(input);
    }

    private synchronized Life begin() {
        WorkerPlans all = plans();
        if (all.handlers().isEmpty() && all.workflows().isEmpty()) {
            throw new StellwerkError("handlers: expected at least one (worker.register), came none");
        }
        if (life != null) {
            throw new StellwerkError("the worker runs already");
        }
        life = new Life(options, all);
        ended = new CountDownLatch(1);
        return life;
    }

    private void live(Life begun) {
        try {
            begun.live();
        } finally {
            synchronized (this) {
                life = null;
                ended.countDown();
            }
        }
    }

    private void stopAndWait() {
        CountDownLatch end;
        synchronized (this) {
            if (life == null) {
                return;
            }
            life.stop();
            end = ended;
        }
        try {
            end.await();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static void remove(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException shuttingDown) {
            LOGGER.debug("the JVM ends, and with it the worker");
        }
    }
}
