package io.stellwerk;

import com.fasterxml.jackson.databind.JavaType;
import io.stellwerk.testing.NonDeterminism;
import io.stellwerk.testing.TestStuck;
import io.stellwerk.v1.Event;
import io.stellwerk.v1.Failure;
import io.stellwerk.v1.LocalCommand;
import io.stellwerk.v1.Payload;
import io.stellwerk.v1.Task;
import java.lang.reflect.Type;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;

/**
 * The inside of {@code io.stellwerk.testing}, public only because that is a package of its own: use TestEnvironment. Runs
 * handlers and local steps of a {@link VirtualServer} in the caller's thread and lets its time pass.
 */
public final class Rehearsal implements AutoCloseable {
    private static final JavaType ANY = Json.MAPPER.constructType(Object.class);

    private final VirtualClock clock = new VirtualClock();
    private final CodeThreads threads = new CodeThreads();
    private final Map<String, HandlerPlan> handlers = new HashMap<>();
    private final Map<String, WorkflowPlan> workflows = new HashMap<>(Workflows.defined());
    private final VirtualServer server = new VirtualServer(clock, workflows, threads, new Hands());
    private final List<Runnable> unserved = new ArrayList<>();
    private boolean settling;

    /** With what a worker can do; null: nothing. */
    public Rehearsal(Worker worker) {
        if (worker != null) {
            handlers.putAll(worker.plans().handlers());
            workflows.putAll(worker.plans().workflows());
        }
    }

    /** A handler, in place of the one before. */
    public <T> void handler(String action, Type input, ContextHandler<T> handler) {
        handlers.put(action, HandlerPlan.of(action, Json.MAPPER.constructType(input), handler));
        server.work.addAll(unserved);
        unserved.clear();
    }

    /** A workflow, in place of the one before. */
    public <T> void workflow(String name, Type input, WorkflowFunction<T> function) {
        workflows.put(name, WorkflowPlan.of(name, Json.MAPPER.constructType(input), function));
    }

    /** Start a run; it goes as far as it can without time passing. */
    public Started start(String workflow, Object input) {
        WorkflowPlan plan = workflows.get(workflow);
        if (plan == null) {
            String name = Words.quoted(workflow);
            throw new StellwerkError("workflow " + name + " is not there: env.workflow(" + name + ", function)");
        }
        var run = new Started(server.start(plan, Payloads.encode(input), null, null, Map.of()));
        settle();
        return run;
    }

    /** Let so much time pass; everything that is due meanwhile happens in order. */
    public void skip(Duration span) {
        Instant end = clock.now().plus(Words.notNegative("skip", span));
        settle();
        for (Instant next = clock.next(); next != null && !next.isAfter(end); next = clock.next()) {
            clock.fire();
            settle();
        }
        clock.pass(end);
        server.runs.forEach(this::check);
    }

    /** Let go of all runs. */
    @Override
    public void close() {
        server.close();
        threads.close();
    }

    /** Replay a history; gives the state of the run as far as it goes. */
    public static <T> RunState replay(Object history, Type input, WorkflowFunction<T> function) {
        HistoryJson.History read = HistoryJson.read(history);
        var plan = WorkflowPlan.of(
                read.workflow().isEmpty() ? "workflow" : read.workflow(), Json.MAPPER.constructType(input), function);
        var threads = new CodeThreads();
        try {
            replay(read.runId(), plan, read.events(), threads);
        } finally {
            threads.close();
        }
        RunState state = RunState.PENDING;
        for (Event event : read.events()) {
            state = VirtualRun.state(event.getType(), state);
        }
        return state;
    }

    private static void replay(String runId, WorkflowPlan plan, List<Event> events, CodeThreads threads) {
        var facts = new Replayer.RunFacts(runId, plan.name(), Payload.getDefaultInstance(), Map.of());
        var code = new Replayer(plan, facts, threads);
        try {
            code.tell(events);
        } catch (DecisionFailed failed) {
            throw error(failed);
        } finally {
            code.evict();
        }
    }

    static StellwerkError error(DecisionFailed failed) {
        return failed.type().equals(DecisionFailed.NON_DETERMINISM)
                ? new NonDeterminism(failed.getMessage())
                : new StellwerkError(failed.type() + ": " + failed.getMessage());
    }

    /** What has happened since it was looked at last happens again in a replay. */
    private void check(VirtualRun run) {
        if (run.seen > 0 && run.checked != run.events.size()) {
            run.checked = run.events.size();
            replay(run.runId, run.plan, List.copyOf(run.events), threads);
        }
    }

    /** Do all that can be done now; what handlers cause meanwhile is done by who does it already. */
    private void settle() {
        if (settling) {
            return;
        }
        settling = true;
        try {
            while (!server.work.isEmpty()) {
                server.work.poll().run();
            }
        } finally {
            settling = false;
        }
        server.runs.stream().filter(VirtualRun::hasEnded).forEach(this::check);
    }

    /** Runs what a server leaves to workers. */
    private final class Hands implements VirtualServer.Hands {
        private final HeldTask.Lines lines = new HeldTask.Lines(null, () -> {});

        @Override
        public void perform(VirtualRun run, VirtualStep step) {
            HandlerPlan plan = handlers.get(step.command.getAction().getAction());
            if (plan == null) {
                unserved.add(() -> server.attempt(run, step));
                return;
            }
            Task task = Task.newBuilder()
                    .setRunId(run.runId)
                    .setWorkflow(run.plan.name())
                    .setStep(step.id())
                    .setAttempt(step.attempt)
                    .setMaxAttempts(step.retry().maxAttempts())
                    .setAction(plan.action())
                    .setInput(step.command.getAction().getInput())
                    .build();
            var held = new HeldTask(task, plan, lines, System.nanoTime());
            held.enter();
            Payload output = null;
            Failure failure = null;
            try {
                output = output(held, plan.call(task.getInput(), new TaskContext(held)));
            } catch (Throwable error) { // whatever it is, the attempt has failed with it
                failure = Failures.of(Futures.unwrapped(error));
            } finally {
                held.leave();
            }
            if (failure == null) {
                server.succeeded(run, step, output);
            } else {
                server.failed(run, step, failure, VirtualServer.WORKER);
            }
        }

        private Payload output(HeldTask held, Object output) throws Exception {
            Object value = output instanceof CompletionStage<?> stage
                    ? stage.toCompletableFuture().get()
                    : output;
            return Drain.isStream(value) ? Drain.all(held, value) : Payloads.encode(value);
        }

        @Override
        public void perform(VirtualRun run, LocalCall local, int attempt) {
            if (run.locals.get(local.step()) != local) {
                return;
            }
            Instant now = clock.now();
            LocalCommand.Builder tried = LocalRun.attempt(local, attempt).setStartTime(Wire.timestamp(now));
            if (tried.hasFailure() && local.retry().allows(tried.getFailure(), attempt)) {
                Instant due = now.plus(local.retry().delay(tried.getFailure(), attempt, 0));
                clock.at(
                        due,
                        () -> run.locals.get(local.step()) == local,
                        () -> server.work.add(() -> perform(run, local, attempt + 1)));
                return;
            }
            server.localEnded(run, local, tried.build());
        }
    }

    /** A run that was started; when it goes on as a new one it is that. */
    public final class Started {
        private final VirtualRun first;

        private Started(VirtualRun run) {
            this.first = run;
        }

        /** The id it was started with. */
        public String runId() {
            return first.runId;
        }

        /** Where it stands. */
        public RunState state() {
            return first.last().state;
        }

        /** What its code has published. */
        public Map<String, Object> published() {
            return first.last().published();
        }

        /** What it can be found by. */
        public Map<String, Object> attributes() {
            return first.last().attributes();
        }

        /** As `stellwerk run history --json` writes it. */
        public Map<String, Object> history() {
            VirtualRun run = first.last();
            return HistoryJson.write(run.runId, run.plan.name(), run.events);
        }

        /** Tell it something. */
        public void signal(Signal signal) {
            server.signal(first.last(), signal.name(), Payloads.encode(signal.payload()), signal.signalId());
            settle();
        }

        /** Ask it to end. */
        public void cancel(String reason) {
            server.cancel(first.last(), reason);
            settle();
        }

        /** Let time pass while only timers are left; gives the output, or throws what the run has failed with. */
        public <T> T result(Type output) {
            settle();
            while (!first.last().hasEnded()) {
                if (clock.next() == null) {
                    throw new TestStuck("the run waits for " + first.last().waitsFor() + ", and no timer is left");
                }
                clock.fire();
                settle();
            }
            JavaType type = output == null ? ANY : Json.MAPPER.constructType(output);
            return Payloads.decode(Wire.output(first.last().result()), type);
        }
    }
}
