package io.stellwerk;

import io.stellwerk.v1.Task;
import java.time.Instant;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a handler may know and do about its task: one attempt of one step. Usable from any thread. */
public final class TaskContext {
    private static final Logger LOGGER = LoggerFactory.getLogger("stellwerk.task");

    private final HeldTask held;
    private final Task task;

    TaskContext(HeldTask held) {
        this.held = held;
        this.task = held.task;
    }

    /** The run this task belongs to. */
    public String runId() {
        return task.getRunId();
    }

    /** Name of the run's workflow. */
    public String workflow() {
        return task.getWorkflow();
    }

    /** Id of the step; "id[3]" for an item of a foreach. */
    public String step() {
        return task.getStep();
    }

    /** The name the handler is registered for. */
    public String action() {
        return task.getAction();
    }

    /** 1 for the first attempt. */
    public int attempt() {
        return task.getAttempt();
    }

    /** How many attempts the retry policy allows. */
    public int maxAttempts() {
        return task.getMaxAttempts();
    }

    /** The same in every attempt of this step: hand it to the systems the handler calls. */
    public String idempotencyKey() {
        return runId() + "/" + step();
    }

    /** When the attempt is taken away whatever it does; null: not while the worker is alive. */
    public Instant deadline() {
        return Wire.instant(task.hasDeadline(), task.getDeadline());
    }

    /** W3C trace context of the run's start ({@code traceparent}, {@code tracestate}), empty without one. */
    public Map<String, String> trace() {
        return task.getTraceMap();
    }

    /** True once the server has taken the task back; the handler's thread is interrupted then, too. */
    public boolean isCancelled() {
        return !held.cancelReason.isEmpty();
    }

    /** RUN_CANCELLED, RUN_TERMINATED, STEP_TIMED_OUT, LEASE_LOST, WORKER_STOPPED; empty while not cancelled. */
    public String cancelReason() {
        return held.cancelReason;
    }

    /**
     * Logger "stellwerk.task". The MDC of the handler's thread has run_id, step, attempt and trace_id for every logger.
     */
    public Logger logger() {
        return LOGGER;
    }

    /** Say that the task goes on; see {@link #heartbeat(Object)}. */
    public void heartbeat() {
        heartbeat(null);
    }

    /**
     * Report progress (any JSON value), shown with the step; does not block. The lease needs no help: the worker extends
     * it while the handler runs. Throws TaskCancelled once the server has taken the task back, and EncodeError.
     */
    public void heartbeat(Object progress) {
        held.checkNotCancelled();
        held.report(Payloads.encode(progress));
    }

    /**
     * Send a chunk (JSON value or byte[]) to whoever watches the run; kept in order and made durable. Blocks while too
     * many chunks are unacknowledged. Throws EncodeError, PayloadTooLarge, and TaskCancelled or LeaseLost once the task
     * is not the worker's any more.
     */
    public void stream(Object chunk) {
        held.send(Payloads.encode(chunk));
    }
}
