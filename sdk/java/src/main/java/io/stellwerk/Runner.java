package io.stellwerk;

import com.google.protobuf.ByteString;
import io.stellwerk.v1.Failure;
import io.stellwerk.v1.Payload;
import io.stellwerk.v1.Release;
import io.stellwerk.v1.Task;
import io.stellwerk.v1.TaskResult;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs the handlers of tasks: each ends as exactly one result. Must not poll, send or know the network. */
final class Runner {
    private static final Logger LOGGER = LoggerFactory.getLogger("stellwerk");
    /** The stand-in for the result of a handler that has given a stage. */
    private static final TaskResult LATER = TaskResult.getDefaultInstance();
    /** Cancels kept for tasks that have not arrived yet; most are for tasks that have just ended. */
    private static final int EARLY_MAX = 1_000;

    private final Map<String, HandlerPlan> plans;
    private final HeldTask.Lines lines;
    private final HandlerThreads threads;
    private final Consumer<TaskResult> finish;
    private final Runnable freed;
    private final WorkerSpans spans;
    private final Map<ByteString, HeldTask> held = new ConcurrentHashMap<>();
    private final Map<ByteString, String> early = new LinkedHashMap<>();
    private final Queue<Done> done = new ConcurrentLinkedQueue<>();
    private final Soon collectSoon;
    private volatile int running;

    /** What a handler ended with; null when there is nobody to tell any more. */
    private record Done(HeldTask held, TaskResult result) {}

    /** {@code finish} takes the results, {@code freed} is told of free slots; both in the loop. */
    Runner(
            Map<String, HandlerPlan> plans,
            Loop loop,
            HeldTask.Lines lines,
            HandlerThreads threads,
            Consumer<TaskResult> finish,
            Runnable freed,
            WorkerSpans spans) {
        this.plans = plans;
        this.lines = lines;
        this.threads = threads;
        this.finish = finish;
        this.freed = freed;
        this.spans = spans;
        this.collectSoon = new Soon(loop, this::collect);
    }

    /** How many tasks have no result yet. */
    int running() {
        return running;
    }

    /** The tasks held now; for any thread. */
    Collection<HeldTask> held() {
        return held.values();
    }

    /** Begin a handler for each task; one that nobody here can run is given back. In the loop, as all below. */
    void accept(List<Task> tasks) {
        long nowNs = System.nanoTime();
        for (Task task : tasks) {
            HandlerPlan plan = plans.get(task.getAction());
            if (plan == null) {
                finish.accept(released(task));
            } else {
                begin(new HeldTask(task, plan, lines, nowNs));
            }
        }
    }

    private void begin(HeldTask task) {
        held.put(task.token(), task);
        count(1);
        if (!early.isEmpty()) {
            String reason = early.remove(task.token());
            task.cancelReason = reason == null ? "" : reason;
        }
        task.span = spans == null ? null : spans.begin(task.task);
        submit(task, () -> perform(task));
    }

    private void submit(HeldTask task, Runnable work) {
        threads.submit(task.span == null ? work : task.span.wrap(work));
    }

    /** The server took a task back; the heartbeat line may be faster than the poll that brings it. */
    void cancel(ByteString token, String reason) {
        HeldTask task = held.get(token);
        if (task == null) {
            early.put(token, reason);
            if (early.size() > EARLY_MAX) {
                early.remove(early.keySet().iterator().next());
            }
        } else if (!task.settled) {
            LOGGER.info("step {} of {} was cancelled: {}", task.task.getStep(), task.task.getRunId(), reason);
            task.cancel(reason);
        }
    }

    /** The result has its verdict: the lease is no longer ours. */
    void forget(ByteString token) {
        held.remove(token);
    }

    /** The drain time is over: tell every handler to stop. */
    void stopAll() {
        held.values().stream().filter(task -> !task.settled).forEach(task -> task.cancel("WORKER_STOPPED"));
    }

    /** Settle handlers that ignored their cancellation. */
    void giveUp() {
        collect();
        for (HeldTask task : held.values()) {
            if (!task.settled) {
                settle(task, failed(task, Failures.stopped()));
            }
        }
        threads.close();
    }

    /** Give a task back unused: the same attempt goes out again. */
    static TaskResult released(Task task) {
        return TaskResult.newBuilder()
                .setToken(task.getToken())
                .setRelease(Release.getDefaultInstance())
                .build();
    }

    /** The life of a handler, in its thread. */
    private void perform(HeldTask task) {
        TaskResult result;
        task.enter();
        try {
            result = flushed(task, attempt(task));
        } finally {
            task.leave();
        }
        if (result != LATER) {
            finished(task, result);
        }
    }

    private TaskResult attempt(HeldTask task) {
        try {
            task.checkNotCancelled();
            Object output = task.plan.call(task.task.getInput(), new TaskContext(task));
            if (output instanceof CompletionStage<?> stage) {
                follow(task, stage);
                return LATER;
            }
            return succeeded(task, output);
        } catch (Throwable error) { // whatever it is, it must not end the thread without a result
            return raised(task, error);
        }
    }

    private void follow(HeldTask task, CompletionStage<?> stage) {
        task.follow(stage);
        stage.whenComplete((output, error) -> {
            if (task.chunks == null && !Drain.isStream(output)) {
                finished(task, ended(task, output, error));
            } else {
                submit(task, () -> unroll(task, output, error));
            }
        });
    }

    /** What is left of a stage's handler may block, so it needs a thread again. */
    private void unroll(HeldTask task, Object output, Throwable error) {
        TaskResult result;
        task.enter();
        try {
            result = flushed(task, ended(task, output, error));
        } finally {
            task.leave();
        }
        finished(task, result);
    }

    private TaskResult ended(HeldTask task, Object output, Throwable error) {
        try {
            return error == null ? succeeded(task, output) : raised(task, error);
        } catch (Throwable late) {
            return raised(task, late);
        }
    }

    /** Chunks come before the result: once it is recorded they would have no lease. */
    private TaskResult flushed(HeldTask task, TaskResult result) {
        if (task.chunks == null || result == LATER) {
            return result;
        }
        try {
            lines.chunks().flush(task);
            return result;
        } catch (StellwerkError error) {
            return raised(task, error);
        }
    }

    private void finished(HeldTask task, TaskResult result) {
        done.add(new Done(task, result));
        collectSoon.request();
    }

    /** Take what handlers have finished, all of it in one turn of the loop. */
    private void collect() {
        for (Done next = done.poll(); next != null; next = done.poll()) {
            settle(next.held(), next.result());
        }
        freed.run();
    }

    /** Hand the one result on and free the slot. */
    private void settle(HeldTask task, TaskResult result) {
        if (task.settled) {
            return;
        }
        task.settled = true;
        count(-1);
        lines.chunks().forget(task);
        if (task.span != null) {
            spans.end(task.token(), task.span, result);
        }
        if (result == null) {
            forget(task.token());
        } else {
            finish.accept(result);
        }
    }

    /** Only the loop counts, others look. */
    private void count(int change) {
        int next = running + change;
        running = next;
    }

    private static TaskResult succeeded(HeldTask task, Object output) throws Exception {
        Payload payload = Drain.isStream(output) ? Drain.all(task, output) : Payloads.encode(output);
        if (payload.getSerializedSize() > Payloads.BYTES_MAX) {
            return failed(task, Failures.tooLarge(payload.getSerializedSize()));
        }
        return TaskResult.newBuilder().setToken(task.token()).setOutput(payload).build();
    }

    private static TaskResult failed(HeldTask task, Failure failure) {
        return TaskResult.newBuilder()
                .setToken(task.token())
                .setFailure(failure)
                .build();
    }

    /** The result of a handler that threw; null when its lease is lost. */
    private static TaskResult raised(HeldTask held, Throwable thrown) {
        Throwable error = Futures.unwrapped(thrown);
        if (!held.cancelReason.isEmpty() && isStop(error)) {
            return stopped(held);
        }
        Failure failure = Failures.of(error);
        if (error instanceof RequestError refused && refused.code().equals("INVALID_ARGUMENT")) {
            failure = failure.toBuilder().setTerminal(true).build();
        }
        Task task = held.task;
        LOGGER.warn(
                "step {} of {}, attempt {} of {} failed: {}: {}",
                task.getStep(),
                task.getRunId(),
                task.getAttempt(),
                task.getMaxAttempts(),
                failure.getType(),
                failure.getMessage());
        return failed(held, failure);
    }

    private static TaskResult stopped(HeldTask task) {
        return switch (task.cancelReason) {
            case "LEASE_LOST" -> null;
            case "WORKER_STOPPED" -> failed(task, Failures.stopped());
            default -> failed(task, Failures.cancelled(task.cancelReason));
        };
    }

    /** True for what a handler throws because it was told to stop: libraries wrap interrupts in errors of their own. */
    private static boolean isStop(Throwable error) {
        if (error instanceof TaskCancelled
                || error instanceof RequestError
                || error instanceof CancellationException
                || error instanceof java.nio.channels.ClosedByInterruptException) {
            return true;
        }
        Throwable cause = error;
        while (cause != null && !(cause instanceof InterruptedException)) {
            cause = cause.getCause();
        }
        return cause != null;
    }
}
