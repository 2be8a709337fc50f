package io.stellwerk;

import io.stellwerk.v1.CancelledTask;
import io.stellwerk.v1.CompleteTaskRequest;
import io.stellwerk.v1.CompleteTaskResponse;
import io.stellwerk.v1.Decision;
import io.stellwerk.v1.HeartbeatRequest;
import io.stellwerk.v1.PollTaskRequest;
import io.stellwerk.v1.Task;
import io.stellwerk.v1.TaskResult;
import io.stellwerk.v1.TaskVerdict;
import io.stellwerk.v1.WorkerServiceGrpc;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One life of a worker, from its first poll to its farewell: wires the parts and takes them down in order. Must not know
 * handlers' insides; everything in it is thrown away at the end.
 */
final class Life {
    private static final Logger LOGGER = LoggerFactory.getLogger("stellwerk");
    private static final Duration POLLS_END = Duration.ofSeconds(2);
    private static final Duration FLUSH = Duration.ofSeconds(5);
    /** Handlers get this long to see that they were cancelled at the end of the drain. */
    private static final Duration UNWIND = Duration.ofSeconds(2);

    private static final Duration FAREWELL = Duration.ofSeconds(1);
    private static final int BACKLOG_MIN = 1_000;

    private final WorkerOptions options;
    private final Loop loop = new Loop("stellwerk-worker");
    private final Calls calls;
    private final ChunkLine chunks;
    private final Heartbeat heartbeat;
    private final Outbox outbox;
    private final HandlerThreads threads;
    private final Runner runner;
    private final Decisions decisions;
    private final Poller poller;
    private final Poller decisionPoller;
    private final Object changed = new Object();
    private int stops;

    Life(WorkerOptions options, WorkerPlans plans) {
        this.options = options;
        String build = options.build(plans);
        Spans traced = Telemetry.spans(options.target().namespace());
        WorkerSpans spans = traced == null ? null : traced.ofWorker(options.queue(), options.workerId());
        calls = new Calls(options.target(), loop, traced);
        chunks = new ChunkLine(loop, calls);
        heartbeat = new Heartbeat(options.target(), hello(plans, build), this::held, this::onCancelled);
        outbox = new Outbox(loop, this::complete, this::settled, spans);
        threads = new HandlerThreads(options.slots(), this::caughtUp);
        var lines = new HeldTask.Lines(chunks, heartbeat::poke);
        runner = new Runner(plans.handlers(), loop, lines, threads, outbox::add, this::freed, spans);
        var work = new Poller.Work(this::freeSlots, threads::isBehind, runner::accept, this::giveBack);
        poller = poller(pollRequest(plans.actions()), work, spans, options.slots());
        var place = new Decisions.Place(loop, calls, lines, threads, outbox::add, this::freed);
        decisions = new Decisions(plans.workflows(), place, options.cachedRuns(), signature(build));
        var deciding = new Poller.Work(this::freeDecisions, () -> false, decisions::accept, this::giveBack);
        decisionPoller = poller(decisionRequest(plans, build), deciding, null, options.decisionSlots());
    }

    /** Polls for the request's actions; none when there are none. */
    private Poller poller(PollTaskRequest request, Poller.Work work, WorkerSpans spans, int slots) {
        int polls = request.getActionsCount() == 0 ? 0 : options.polls();
        return new Poller(loop, calls, request, work, spans, slots, polls);
    }

    /** Begin the drain; a second call ends it at once. From any thread. */
    void stop() {
        poller.refuse();
        decisionPoller.refuse();
        synchronized (changed) {
            stops++;
            changed.notifyAll();
        }
    }

    /** Work until stopped, then drain; blocks. An interrupt cancels the handlers and leaves quickly. */
    void live() {
        heartbeat.start().thenRun(() -> loop.execute(this::pump)); // one that is killed early is missed at once
        Duration drain = options.drain();
        if (await(() -> stops > 0, null)) {
            LOGGER.info("stopping: waiting up to {} s for {} tasks", Words.seconds(drain), running());
        } else {
            drain = Duration.ZERO;
        }
        boolean interrupted = Thread.interrupted();
        drain(drain);
        close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** No new tasks; the running ones end by themselves or are ended; their results get out. */
    private void drain(Duration limit) {
        loop.execute(() -> poller.stop().thenRun(this::notifyChanged));
        loop.execute(() -> decisionPoller.stop().thenRun(this::notifyChanged));
        await(() -> poller.isStopped() && decisionPoller.isStopped(), POLLS_END);
        if (!settles(limit, 1)) {
            loop.execute(() -> {
                runner.stopAll();
                decisions.releaseAll();
            });
            settles(UNWIND, 2);
        }
        inLoop(() -> {
            decisions.releaseAll();
            runner.giveUp();
        });
        await(() -> outbox.unsettled() == 0, FLUSH);
    }

    /** Wait for the running handlers, for so long or until somebody is in a hurry. */
    private boolean settles(Duration limit, int patience) {
        if (!limit.isZero()) {
            await(() -> running() == 0 || stops > patience, limit);
        }
        return running() == 0;
    }

    private void close() {
        inLoop(() -> {
            decisions.close();
            outbox.close();
            chunks.close();
        });
        heartbeat.stop(FAREWELL);
        calls.close();
        loop.close();
        Telemetry.flush();
    }

    /** Do it in the loop and wait for it. */
    private void inLoop(Runnable work) {
        var done = new boolean[1];
        loop.execute(() -> {
            work.run();
            synchronized (changed) {
                done[0] = true;
            }
            notifyChanged();
        });
        await(() -> done[0], FLUSH);
    }

    /** Wait until something holds, without limit when that is null; false when interrupted or too late. */
    private boolean await(BooleanSupplier holds, Duration limit) {
        long endNs = System.nanoTime() + (limit == null ? 0 : limit.toNanos());
        synchronized (changed) {
            while (!holds.getAsBoolean()) {
                long leftMs = TimeUnit.NANOSECONDS.toMillis(endNs - System.nanoTime());
                if (limit != null && leftMs <= 0) {
                    return false;
                }
                try {
                    changed.wait(limit == null ? 0 : leftMs);
                } catch (InterruptedException interrupted) {
                    Thread.currentThread().interrupt();
                    return false;
                }
            }
            return true;
        }
    }

    private void notifyChanged() {
        synchronized (changed) {
            changed.notifyAll();
        }
    }

    private void pump() {
        poller.pump();
        decisionPoller.pump();
    }

    private int running() {
        return runner.running() + decisions.running();
    }

    private void freed() {
        pump();
        if (running() == 0) {
            notifyChanged();
        }
    }

    private void caughtUp() {
        poller.caughtUp();
    }

    /** None while results pile up that the server does not take. */
    private int freeSlots() {
        return isBackedUp() ? 0 : options.slots() - runner.running();
    }

    private int freeDecisions() {
        return isBackedUp() ? 0 : options.decisionSlots() - decisions.running();
    }

    private boolean isBackedUp() {
        return outbox.unsettled() > Math.max(BACKLOG_MIN, 4 * options.slots());
    }

    private void settled(TaskResult result, TaskVerdict verdict, RequestError problem) {
        if (!decisions.settled(result, verdict, problem)) {
            runner.forget(result.getToken());
        }
        int unsettled = outbox.unsettled();
        if (unsettled == BACKLOG_MIN) { // results had piled up
            pump();
        } else if (unsettled == 0) {
            notifyChanged();
        }
    }

    private void giveBack(List<Task> tasks) {
        tasks.forEach(task -> outbox.add(Runner.released(task)));
    }

    private Collection<HeldTask> held() {
        List<HeldTask> all = new ArrayList<>(runner.held());
        all.addAll(decisions.held());
        return all;
    }

    /** Called by the heartbeat's thread. */
    private void onCancelled(List<CancelledTask> cancelled) {
        loop.execute(() -> {
            for (CancelledTask task : cancelled) {
                if (!decisions.cancel(task.getToken())) {
                    runner.cancel(task.getToken(), task.getReason().isEmpty() ? "CANCELLED" : task.getReason());
                }
            }
        });
    }

    private void complete(List<TaskResult> results, Calls.Answer<CompleteTaskResponse> answer) {
        var request = CompleteTaskRequest.newBuilder()
                .setNamespace(options.target().namespace())
                .setWorkerId(options.workerId())
                .addAllResults(results);
        calls.unary(WorkerServiceGrpc.getCompleteTaskMethod(), request.build(), Calls.TIMEOUT, answer);
    }

    private HeartbeatRequest hello(WorkerPlans plans, String build) {
        return HeartbeatRequest.newBuilder()
                .setNamespace(options.target().namespace())
                .setWorkerId(options.workerId())
                .setQueue(options.queue())
                .addAllActions(plans.actions())
                .addAllWorkflows(plans.workflows().keySet())
                .setBuild(build)
                .setPinRuns(options.pinRuns())
                .setSlots(options.slots())
                .setSdk("java " + Target.VERSION)
                .setHost(WorkerOptions.hostName())
                .build();
    }

    /** What its decisions say of it. */
    private Decision signature(String build) {
        return Decision.newBuilder()
                .setBuild(build)
                .setPinRun(options.pinRuns())
                .build();
    }

    private PollTaskRequest decisionRequest(WorkerPlans plans, String build) {
        PollTaskRequest request = pollRequest(plans.decisions());
        return options.pinRuns() ? request.toBuilder().setPinnedBuild(build).build() : request;
    }

    private PollTaskRequest pollRequest(List<String> actions) {
        return PollTaskRequest.newBuilder()
                .setNamespace(options.target().namespace())
                .setWorkerId(options.workerId())
                .setQueue(options.queue())
                .addAllActions(actions)
                .setWait(Wire.duration(Poller.WAIT))
                .build();
    }
}
