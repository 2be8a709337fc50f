package io.stellwerk;

import io.stellwerk.VirtualRun.Facts;
import io.stellwerk.v1.Command;
import io.stellwerk.v1.Event;
import io.stellwerk.v1.Failure;
import io.stellwerk.v1.FailureCategory;
import io.stellwerk.v1.LocalCommand;
import io.stellwerk.v1.Payload;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;

/**
 * A server's rules for runs of code, small enough for tests: the same events, in the same order, in virtual time. Must not
 * run handlers or local steps: they stand in {@code work} until the rehearsal takes them.
 */
final class VirtualServer {
    static final String WORKER = "test";

    final List<VirtualRun> runs = new ArrayList<>();
    /** What is to be done before time may pass, in order. */
    final Deque<Runnable> work = new ArrayDeque<>();

    private final VirtualClock clock;
    private final Map<String, WorkflowPlan> workflows;
    private final Executor threads;
    private final Hands hands;

    /** Runs what a server leaves to workers. */
    interface Hands {
        void perform(VirtualRun run, VirtualStep step);

        void perform(VirtualRun run, LocalCall local, int attempt);
    }

    VirtualServer(VirtualClock clock, Map<String, WorkflowPlan> workflows, Executor threads, Hands hands) {
        this.clock = clock;
        this.workflows = workflows;
        this.threads = threads;
        this.hands = hands;
    }

    // What comes from outside.

    /** A new run, about to be decided; {@code parent} and its step may be null. */
    VirtualRun start(
            WorkflowPlan plan, Payload input, VirtualRun parent, VirtualStep step, Map<String, Object> origin) {
        var run = new VirtualRun("run_" + (runs.size() + 1), plan, input, parent, step);
        runs.add(run);
        Map<String, Object> attributes = new LinkedHashMap<>(origin);
        if (parent != null) {
            attributes.putAll(Map.of("parent", parent.runId, "step", step.id(), "depth", 1));
        }
        attributes.put("workflow", plan.name());
        emit(run, "RUN_STARTED", "", 0, Facts.of(input, "").with(attributes));
        tell(run);
        return run;
    }

    void signal(VirtualRun run, String name, Payload payload, String id) {
        if (run.hasEnded()) {
            throw new StellwerkError(run.runId + " has ended as " + run.state);
        }
        emit(run, "RUN_SIGNALLED", "", 0, Facts.of(payload, "").with(Map.of("signal", name, "id", id)));
        run.keep(name, payload);
        deliver(run, name);
    }

    void cancel(VirtualRun run, String reason) {
        Map<String, Object> attributes = reason.isEmpty() ? Map.of() : Map.of("reason", reason);
        if (run.hasEnded()) {
            return;
        }
        if (run.seen == 0) {
            emit(run, "RUN_CANCELLED", "", 0, Facts.NONE.with(attributes));
            ended(run);
        } else if (!run.cancelAsked) {
            run.cancelAsked = true;
            emit(run, "RUN_CANCEL_REQUESTED", "", 0, Facts.NONE.with(attributes));
            tell(run);
        }
    }

    /** Let go of all code. */
    void close() {
        runs.stream().filter(run -> run.code != null).forEach(run -> run.code.evict());
    }

    // Decisions.

    private void decide(VirtualRun run) {
        run.due = false;
        if (run.hasEnded()) {
            return;
        }
        if (run.code == null) {
            var facts = new Replayer.RunFacts(run.runId, run.plan.name(), run.input, Map.of());
            run.code = new Replayer(run.plan, facts, threads);
        }
        feed(run, run.news(), run.events.size(), null);
        advance(run);
    }

    /** A local step has ended: the code goes on once that is recorded. */
    void localEnded(VirtualRun run, LocalCall local, LocalCommand outcome) {
        if (run.hasEnded() || !run.locals.remove(local.step(), local)) {
            return;
        }
        Command command = Commands.local(local.step(), outcome);
        List<Event> news = run.news();
        long upTo = record(run, List.of(command), true);
        feed(run, news, upTo, command);
        advance(run);
    }

    private void feed(VirtualRun run, List<Event> news, long upTo, Command ran) {
        try {
            run.code.tell(news);
            if (ran != null) {
                run.code.ran(ran.getStep(), ran.getLocal());
            }
        } catch (DecisionFailed failed) {
            run.code.evict();
            throw Rehearsal.error(failed);
        }
        run.seen = upTo;
    }

    private void advance(VirtualRun run) {
        while (true) {
            run.locals.values().removeIf(LocalCall::isGivenUp);
            if (run.code.hasEnded()) {
                run.locals.clear();
            } else {
                run.code.takeLocals().forEach(local -> {
                    run.locals.put(local.step(), local);
                    work.add(() -> hands.perform(run, local, 1));
                });
            }
            List<Command> commands = run.code.takeCommands();
            boolean keep = !run.locals.isEmpty();
            if (keep && commands.isEmpty()) {
                return;
            }
            List<Event> news = run.news();
            long upTo = record(run, commands, keep);
            if (!keep) {
                if (!run.hasEnded() && !run.news().isEmpty()) {
                    tell(run);
                }
                return;
            }
            feed(run, news, upTo, null);
        }
    }

    /** One decision; gives its last event. */
    private long record(VirtualRun run, List<Command> commands, boolean keep) {
        Map<String, Object> mark = new LinkedHashMap<>(Map.of("decision", run.seen));
        if (keep) {
            mark.put("keep", true);
        }
        List<Runnable> after = new ArrayList<>();
        commands.forEach(command -> record(run, command, mark, after));
        if (commands.isEmpty()) {
            emit(
                    run,
                    "DECISION_COMPLETED",
                    "",
                    0,
                    Facts.of((Payload) null, WORKER).with(mark));
        }
        long upTo = run.events.size();
        after.forEach(Runnable::run);
        return upTo;
    }

    private void record(VirtualRun run, Command command, Map<String, Object> mark, List<Runnable> after) {
        if (command.hasCancel()) {
            VirtualStep step = run.steps.get(command.getStep());
            if (step.open) {
                close(run, step);
                emit(
                        run,
                        "STEP_CANCELLED",
                        step.id(),
                        0,
                        Facts.of((Payload) null, WORKER).with(mark));
                closeChild(step);
            }
            return;
        }
        Map<String, Object> attributes = RecordedForms.attributes(command, clock.now());
        attributes.putAll(mark);
        int attempt = command.hasAction() || command.hasChild()
                ? 1
                : command.getLocal().getAttempts();
        Facts facts = new Facts(payload(run, command), failure(command, attempt), WORKER, attributes);
        emit(run, RecordedForms.type(command), command.getStep(), attempt, facts);
        switch (command.getKindCase()) {
            case SUCCEED, FAIL, CANCELLED, CONTINUE -> after.add(() -> ended(run));
            case ACTION, CHILD, SLEEP, SIGNAL -> {
                var step = new VirtualStep(command);
                run.steps.put(step.id(), step);
                setOff(run, step, after);
            }
            default -> {}
        }
    }

    private Payload payload(VirtualRun run, Command command) {
        return switch (command.getKindCase()) {
            case ACTION -> command.getAction().getInput();
            case CHILD -> command.getChild().getInput();
            case LOCAL -> command.getLocal().hasOutput() ? command.getLocal().getOutput() : null;
            case PUBLISH -> command.getPublish().getValue();
            case SUCCEED -> command.getSucceed().getOutput();
            case CONTINUE -> Payloads.encode(further(run, command).runId);
            default -> null;
        };
    }

    private Failure failure(Command command, int attempt) {
        if (command.hasFail()) {
            Failure failure = command.getFail().getFailure();
            return located(failure, failure.getStep(), failure.getAttempt(), WORKER);
        }
        boolean ran = command.hasLocal() && command.getLocal().hasFailure();
        return ran ? located(command.getLocal().getFailure(), command.getStep(), attempt, WORKER) : null;
    }

    private VirtualRun further(VirtualRun run, Command command) {
        String name = command.getContinue().getWorkflow();
        WorkflowPlan plan = name.isEmpty() ? run.plan : workflows.get(name);
        if (plan == null) {
            throw new StellwerkError("continueAsNew: workflow " + Words.quoted(name) + " is not there (env.workflow)");
        }
        Map<String, Object> origin = Map.of("continued_from", run.runId);
        VirtualRun next = start(plan, command.getContinue().getInput(), run.parent, run.parentStep, origin);
        run.continuedAs = next;
        run.kept.forEach((signal, payloads) -> {
            int[] number = {0};
            payloads.forEach(payload -> signal(next, signal, payload, run.runId + "/" + signal + "/" + number[0]++));
        });
        return next;
    }

    // Steps.

    private void setOff(VirtualRun run, VirtualStep step, List<Runnable> after) {
        switch (step.command.getKindCase()) {
            case SLEEP -> {
                Duration span = Wire.span(step.command.getSleep().getDuration());
                if (span.isZero()) {
                    after.add(() -> succeed(run, step, null, 0, ""));
                } else {
                    later(run, step, clock.now().plus(span), () -> succeed(run, step, null, 0, ""));
                }
            }
            case SIGNAL -> {
                String name = step.command.getSignal().getSignal();
                run.awaiting.computeIfAbsent(name, any -> new ArrayDeque<>()).add(step);
                after.add(() -> deliver(run, name));
                if (step.command.getSignal().hasTimeout()) {
                    Duration span = Wire.span(step.command.getSignal().getTimeout());
                    String words = "signal " + Words.quoted(name) + " did not come within ";
                    bound(run, step, span, "SignalTimeout", words + Words.seconds(span) + " s");
                }
            }
            default -> {
                bounds(run, step);
                work.add(() -> attempt(run, step));
            }
        }
    }

    private void bounds(VirtualRun run, VirtualStep step) {
        var timeouts = step.command.getAction().getTimeout();
        boolean child = step.command.hasChild();
        if (child ? step.command.getChild().hasTimeout() : timeouts.hasTotal()) {
            Duration span = Wire.span(child ? step.command.getChild().getTimeout() : timeouts.getTotal());
            bound(run, step, span, "StepTimeout", "it was not done after " + Words.seconds(span) + " s");
        }
        if (timeouts.hasStart()) {
            Duration span = Wire.span(timeouts.getStart());
            bound(run, step, span, "StartTimeout", "no worker took it within " + Words.seconds(span) + " s");
        }
    }

    private void bound(VirtualRun run, VirtualStep step, Duration span, String type, String message) {
        var failure = Failure.newBuilder()
                .setType(type)
                .setMessage(message)
                .setCategory(FailureCategory.FAILURE_CATEGORY_TIMEOUT)
                .setTerminal(true)
                .build();
        later(run, step, clock.now().plus(span), () -> giveUp(run, step, failure, ""));
    }

    private void later(VirtualRun run, VirtualStep step, Instant due, Runnable then) {
        clock.at(due, () -> step.open && !run.hasEnded(), then);
    }

    /** Have the step tried, if it still is to be. */
    void attempt(VirtualRun run, VirtualStep step) {
        if (!step.open || run.hasEnded()) {
            return;
        }
        if (step.command.hasChild()) {
            beginChild(run, step);
        } else {
            hands.perform(run, step);
        }
    }

    /** An attempt has given its output. */
    void succeeded(VirtualRun run, VirtualStep step, Payload output) {
        if (step.open && !run.hasEnded()) {
            succeed(run, step, output, step.attempt, WORKER);
        }
    }

    /** An attempt has failed: another one follows, or the step has failed. */
    void failed(VirtualRun run, VirtualStep step, Failure failure, String worker) {
        if (!step.open || run.hasEnded()) {
            return;
        }
        if (!step.retry().allows(failure, step.attempt)) {
            giveUp(run, step, failure, worker);
            return;
        }
        Instant due = clock.now().plus(step.retry().delay(failure, step.attempt, 0));
        Failure at = located(failure, step.id(), step.attempt, worker);
        Facts facts = Facts.of(at, worker).with(Map.of("due_at", VirtualClock.micros(due)));
        emit(run, "STEP_ATTEMPT_FAILED", step.id(), step.attempt, facts);
        later(run, step, due, () -> {
            step.attempt++;
            emit(run, "STEP_SCHEDULED", step.id(), step.attempt, Facts.NONE);
            work.add(() -> attempt(run, step));
        });
    }

    private void beginChild(VirtualRun run, VirtualStep step) {
        String name = step.command.getChild().getWorkflow();
        WorkflowPlan plan = workflows.get(name);
        if (plan == null) {
            String words = "workflow " + Words.quoted(name) + " is not registered";
            var failure = Failure.newBuilder()
                    .setType("WORKFLOW_NOT_FOUND")
                    .setMessage("workflow " + Words.quoted(name) + " cannot be started: " + words)
                    .setCategory(FailureCategory.FAILURE_CATEGORY_DEFINITION);
            giveUp(run, step, failure.build(), "");
            return;
        }
        step.child = start(plan, step.command.getChild().getInput(), run, step, Map.of());
        Facts facts = Facts.NONE.with(Map.of("child", step.child.runId));
        emit(run, "STEP_CHILD_STARTED", step.id(), step.attempt, facts);
    }

    private void childEnded(VirtualRun child) {
        VirtualRun run = child.parent;
        VirtualStep step = child.parentStep;
        if (run == null || !step.open || run.hasEnded() || step.child.last() != child) {
            return;
        }
        Event end = child.events.get(child.events.size() - 1);
        if (child.state == RunState.SUCCEEDED) {
            succeed(run, step, end.getPayload(), step.attempt, "");
            return;
        }
        boolean user = child.state == RunState.FAILED;
        var failure = Failure.newBuilder()
                .setType(user ? "RunFailed" : child.state == RunState.CANCELLED ? "RunCancelled" : "RunTerminated")
                .setCategory(user ? FailureCategory.FAILURE_CATEGORY_USER : FailureCategory.FAILURE_CATEGORY_CANCELLED);
        String message = "child " + child.runId + " ended as " + child.state;
        if (end.hasFailure()) {
            message +=
                    ": " + end.getFailure().getType() + ": " + end.getFailure().getMessage();
            failure.setCause(end.getFailure());
        }
        failed(run, step, failure.setMessage(message).build(), "");
    }

    /** What becomes of a child run that nobody waits for. */
    private void closeChild(VirtualStep step) {
        if (step.child == null || step.child.last().hasEnded()) {
            return;
        }
        VirtualRun child = step.child.last();
        String close = step.command.getChild().getParentClose();
        if (close.equals(ParentClose.TERMINATE.text())) {
            emit(child, "RUN_TERMINATED", "", 0, Facts.NONE.with(Map.of("reason", "its parent has ended")));
            ended(child);
        } else if (!close.equals(ParentClose.ABANDON.text())) {
            cancel(child, "its parent has ended");
        }
    }

    private void deliver(VirtualRun run, String name) {
        Deque<Payload> kept = run.kept.get(name);
        Deque<VirtualStep> awaiting = run.awaiting.get(name);
        boolean both = kept != null && awaiting != null && !kept.isEmpty() && !awaiting.isEmpty();
        if (both && !run.hasEnded()) {
            succeed(run, awaiting.peek(), kept.poll(), 0, "");
        }
    }

    private void succeed(VirtualRun run, VirtualStep step, Payload output, int attempt, String worker) {
        close(run, step);
        emit(run, "STEP_SUCCEEDED", step.id(), attempt, Facts.of(output, worker));
        tell(run);
    }

    private void giveUp(VirtualRun run, VirtualStep step, Failure failure, String worker) {
        close(run, step);
        Failure at = located(failure, step.id(), step.attempt, worker);
        emit(run, "STEP_FAILED", step.id(), worker.isEmpty() ? 0 : step.attempt, Facts.of(at, worker));
        closeChild(step);
        tell(run);
    }

    private void close(VirtualRun run, VirtualStep step) {
        step.open = false;
        if (step.command.hasSignal()) {
            run.awaiting.get(step.command.getSignal().getSignal()).remove(step);
        }
    }

    private void ended(VirtualRun run) {
        for (VirtualStep step : run.steps.values()) {
            if (step.open) {
                step.open = false;
                closeChild(step);
            }
        }
        run.locals.clear();
        if (run.code != null) {
            run.code.evict();
        }
        if (run.continuedAs == null) {
            childEnded(run);
        }
    }

    private void tell(VirtualRun run) {
        if (!run.due && !run.hasEnded()) {
            run.due = true;
            work.add(() -> decide(run));
        }
    }

    private void emit(VirtualRun run, String type, String step, int attempt, Facts facts) {
        run.emit(clock.now(), type, step, attempt, facts);
    }

    private Failure located(Failure failure, String step, int attempt, String worker) {
        return failure.toBuilder()
                .setStep(step)
                .setAttempt(attempt)
                .setWorkerId(worker)
                .setOccurTime(Wire.timestamp(clock.now()))
                .build();
    }
}
