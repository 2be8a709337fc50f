package io.stellwerk;

import com.fasterxml.jackson.databind.JavaType;
import io.stellwerk.v1.Command;
import io.stellwerk.v1.Event;
import io.stellwerk.v1.LocalCommand;
import io.stellwerk.v1.Payload;
import io.stellwerk.v1.SleepCommand;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;
import org.slf4j.MDC;

/**
 * The code of one run, told one event at a time: after each it goes on until it can go no further, and what it asks for is
 * compared with what is recorded, or kept to be sent. Pure: it must not talk to anybody, nor run local steps.
 *
 * <p>The driver's side is tell, ran, take… and evict; the rest is for the code's thread, each call of which goes through
 * {@link #enter}.
 */
final class Replayer {
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final WorkflowPlan plan;
    private final Executor threads;
    private final Baton baton = new Baton();
    private final Queue<Runnable> later = new ConcurrentLinkedQueue<>();
    private final Deque<Collection<? extends CompletableFuture<?>>> waits = new ArrayDeque<>();
    private final OpenSteps open = new OpenSteps();
    private final Names names = new Names();
    private final Map<String, Boolean> patches = new HashMap<>();
    private final RunFacts facts;
    private List<Command> commands = new ArrayList<>();
    private Recorded recorded;
    private WorkflowContext context;
    private Instant now = Instant.EPOCH;
    private long fed;
    private int given;
    private RunCancelled cancellation;
    private volatile boolean cancelled;
    private volatile boolean ended;
    private volatile Unwinding unwinding;
    private volatile DecisionFailed problem;

    /** What a run is from the start. */
    record RunFacts(String runId, String workflow, Payload input, Map<String, String> trace) {}

    Replayer(WorkflowPlan plan, RunFacts facts, Executor threads) {
        this.plan = plan;
        this.facts = facts;
        this.threads = threads;
    }

    /** Feed events in order; the first ones are the whole history. After a failure there is nothing but {@link #evict}. */
    void tell(List<Event> events) throws DecisionFailed {
        if (recorded == null) {
            recorded = Recorded.of(events);
        }
        for (Event event : events) {
            if (event.getSequence() > recorded.decided()) {
                expectNothing();
            }
            feed(event);
        }
        expectNothing();
        expectAWait();
    }

    /** The local step is recorded to have ended so. */
    void ran(String step, LocalCommand outcome) throws DecisionFailed {
        if (ended) {
            return;
        }
        fed = Math.max(fed, recorded.decided() + 1); // it is recorded after all that was told
        drive(() -> end(step, outcome.hasFailure() ? null : outcome.getOutput(), outcome.getFailure()));
        expectAWait();
    }

    /** The commands since the last time. */
    List<Command> takeCommands() {
        List<Command> taken = commands;
        commands = new ArrayList<>();
        return taken;
    }

    /** The local steps that were called since the last time and are still wanted. */
    List<LocalCall> takeLocals() {
        return open.takeLocals();
    }

    /** True once the function has ended. */
    boolean hasEnded() {
        return ended;
    }

    /** Take the code's threads out of it, wherever they are; nothing it does on the way counts. */
    void evict() {
        unwind("the run is evicted");
        if (baton.isOutside()) {
            Unwinding over = unwinding;
            threads.execute(() -> open.failAll(over)); // what it is parked in ends with these
        }
    }

    private void feed(Event event) throws DecisionFailed {
        Runnable work = work(event);
        if (work == null || ended) {
            return;
        }
        fed = event.getSequence();
        if (!event.getType().equals("STEP_RAN")) { // a worker that runs it is not told when it was recorded
            now = Wire.instant(true, event.getTime());
        }
        drive(work);
    }

    /** What an event has the code do; null for events that are none of its business. */
    private Runnable work(Event event) {
        return switch (event.getType()) {
            case "RUN_STARTED" -> () -> main(event);
            case "STEP_SUCCEEDED" -> () -> end(event.getStep(), event.getPayload(), null);
            case "STEP_FAILED" -> () -> end(event.getStep(), null, event.getFailure());
            case "STEP_RAN" ->
                () -> end(event.getStep(), event.hasFailure() ? null : event.getPayload(), event.getFailure());
            case "RUN_CANCEL_REQUESTED" -> cancel(event);
            default -> null;
        };
    }

    private void drive(Runnable work) throws DecisionFailed {
        for (Runnable next = work; next != null; next = later.isEmpty() || ended ? null : this::runLater) {
            boolean came = baton.drive(next, threads, PATIENCE);
            if (problem != null) {
                throw problem;
            }
            if (!came) {
                DecisionFailed blocked = DecisionFailed.blocked(PATIENCE.toSeconds(), baton.stack());
                evict();
                baton.interrupt();
                throw blocked;
            }
        }
        if (open.size() > OpenSteps.MOST) {
            throw DecisionFailed.tooManyCommands(open.size(), OpenSteps.MOST);
        }
    }

    /** All that was decided before is told: the code has given every command of then. */
    private void expectNothing() throws DecisionFailed {
        String difference = recorded.compareWithNothing(given + 1);
        if (difference != null) {
            throw DecisionFailed.nonDeterminism(difference);
        }
    }

    private void expectAWait() throws DecisionFailed {
        if (!ended && open.isEmpty()) {
            throw DecisionFailed.waitsForNothing();
        }
    }

    private void unwind(String why) {
        var error = new Unwinding(why);
        unwinding = error;
        baton.unwind(error);
    }

    /** The function, from its call to its end. */
    private void main(Event started) {
        context = new WorkflowContext(this, facts, Wire.attribute(started, "parent"));
        Command last;
        MDC.put("run_id", facts.runId());
        MDC.put("workflow", facts.workflow());
        try {
            Payload input = started.hasPayload() ? started.getPayload() : facts.input();
            Object output = plan.call(context, input);
            last = Commands.succeed(output instanceof CompletableFuture<?> future ? join(future) : output);
        } catch (Unwinding over) {
            throw over;
        } catch (ContinuedAsNew next) {
            last = next.command();
        } catch (Throwable error) { // whatever it is, the run has ended with it
            last = Commands.failed(Futures.unwrapped(error), cancelled);
        } finally {
            MDC.clear();
        }
        enter();
        give(last);
        ended = true;
    }

    private Object join(CompletableFuture<?> future) {
        if (future instanceof CodeFuture) {
            return future.join();
        }
        if (!future.isDone()) {
            await(future::isDone, List.of(future));
        }
        return future.join();
    }

    private void end(String step, Payload output, io.stellwerk.v1.Failure failure) {
        OpenSteps.Waiting waiting = open.take(step);
        if (waiting != null) { // else it was given up
            waiting.end(output, failure);
        }
        runLater();
    }

    private Runnable cancel(Event event) {
        if (cancelled) {
            return null;
        }
        boolean inside = baton.isInside();
        return () -> {
            var told = new RunCancelled(facts.runId(), Wire.attribute(event, "reason"));
            cancelled = true;
            Collection<String> given = inside && !waits.isEmpty() ? open.behind(waits.peek()) : open.steps();
            cancellation = inside ? told : null;
            for (String step : given) {
                OpenSteps.Waiting waiting = open.get(step);
                giveUp(step);
                waiting.future().completeExceptionally(told);
            }
            runLater();
        };
    }

    // What follows is called by the code's thread.

    /** Refuse calls from elsewhere; whoever comes in waits until it is its turn. */
    void enter() {
        if (ended) {
            throw new StellwerkError("ctx belongs to the workflow's own code, came a call from after its end");
        }
        Unwinding over = unwinding;
        if (!baton.enter()) {
            String thread = Thread.currentThread().getName();
            throw new StellwerkError("ctx belongs to the workflow's own code, came a call from " + thread);
        }
        if (over != null) {
            throw over;
        }
    }

    boolean isHere() {
        return !ended && baton.isHere();
    }

    /** Do it in a later turn of the code. */
    void later(Runnable work) {
        later.add(work);
    }

    /** Wait until it holds; {@code wanted} is what a cancellation gives up. */
    void await(BooleanSupplier holds, Collection<? extends CompletableFuture<?>> wanted) {
        enter();
        waits.push(wanted);
        try {
            runLater();
            while (!holds.getAsBoolean()) {
                baton.pass();
                if (unwinding != null) {
                    throw unwinding;
                }
                if (cancellation != null) {
                    RunCancelled told = cancellation;
                    cancellation = null;
                    throw told;
                }
                runLater();
            }
        } finally {
            waits.pop();
        }
    }

    /** A call that waits: the command is given, or its end is kept from the run this was forked of. */
    <T> CodeFuture<T> call(String name, OpenSteps.Kind kind, JavaType type, Command.Builder command) {
        enter();
        String step = names.next(name);
        var waiting = new OpenSteps.Waiting(kind, CodeFuture.of(this, step), type, null);
        if (!isKept(waiting)) {
            give(command.setStep(step).build());
            open.add(waiting);
        }
        return Payloads.cast(waiting.future());
    }

    /** A call of a local step. */
    <T> CodeFuture<T> local(String name, Callable<?> function, RetryPolicy retry, JavaType type) {
        enter();
        String step = names.next(name);
        var call = new LocalCall(step, function, retry);
        var waiting = new OpenSteps.Waiting(OpenSteps.Kind.LOCAL, CodeFuture.of(this, step), type, call);
        if (!isKept(waiting)) {
            given++;
            open.add(waiting);
            if (!recorded.takeRan(step)) {
                open.start(call);
            }
        }
        return Payloads.cast(waiting.future());
    }

    CodeFuture<Object> sleep(Duration span) {
        var sleep = SleepCommand.newBuilder().setDuration(Wire.duration(Words.notNegative("sleep", span)));
        return call("sleep", OpenSteps.Kind.SLEEP, null, Command.newBuilder().setSleep(sleep));
    }

    /** A command that waits for nothing. */
    void command(Command.Builder command) {
        enter();
        give(command.build());
    }

    /** The code no longer wants the end of a step. */
    void giveUp(String step) {
        enter();
        OpenSteps.Waiting waiting = open.take(step);
        if (waiting == null) {
            return;
        }
        if (waiting.local() != null) {
            waiting.local().giveUp();
        } else if (!recorded.hasEnded(step)) {
            commands.add(Commands.cancel(step));
        }
    }

    boolean patched(String id) {
        enter();
        Boolean known = patches.get(id);
        if (known == null) {
            known = recorded.hasPatch(id) || !isReplaying();
            patches.put(id, known);
            if (known) {
                give(Commands.patch(id));
            }
        }
        return known;
    }

    /** True while nothing the code does is new: nor is what it does on its way out of an evicted run. */
    boolean isReplaying() {
        return unwinding != null || fed <= recorded.decided();
    }

    boolean isCancelled() {
        return cancelled;
    }

    Instant now() {
        return now;
    }

    private boolean isKept(OpenSteps.Waiting waiting) {
        Payload output = recorded.kept(waiting.future().step());
        if (output != null) {
            waiting.end(output, null);
        }
        return output != null;
    }

    private void give(Command command) {
        given++;
        if (!recorded.hasNext()) {
            commands.add(command);
            return;
        }
        String difference = recorded.compare(given, Called.of(command));
        if (difference != null) {
            fail(DecisionFailed.nonDeterminism(difference));
        }
    }

    private void fail(DecisionFailed failed) {
        problem = failed;
        unwind(failed.getMessage());
        throw unwinding;
    }

    private void runLater() {
        for (Runnable next = later.poll(); next != null; next = later.poll()) {
            next.run();
        }
    }
}
