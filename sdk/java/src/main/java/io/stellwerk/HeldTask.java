package io.stellwerk;

import com.google.protobuf.ByteString;
import io.stellwerk.v1.Payload;
import io.stellwerk.v1.Task;
import java.util.concurrent.CompletionStage;
import org.slf4j.MDC;

/**
 * A task while this worker holds it: from the poll that brought it to the verdict on its result. Must not run the
 * handler or send anything: it only ties a task to the lines that do.
 */
final class HeldTask {
    private static final int TRACE_ID_FROM = 3;
    private static final int TRACE_ID_TO = 35;

    final Task task;
    final HandlerPlan plan;
    final Lines lines;
    final long receivedNs;

    volatile String cancelReason = "";
    volatile Payload progress;
    volatile boolean progressSaid = true;
    volatile TaskChunks chunks;
    boolean settled; // the loop's
    TaskSpan span; // set before its handler begins; null when nothing is traced

    private Thread thread;
    private CompletionStage<?> later;

    /** What the tasks of one worker share. */
    record Lines(ChunkLine chunks, Runnable pokeHeartbeat) {}

    HeldTask(Task task, HandlerPlan plan, Lines lines, long receivedNs) {
        this.task = task;
        this.plan = plan;
        this.lines = lines;
        this.receivedNs = receivedNs;
    }

    ByteString token() {
        return task.getToken();
    }

    /** Leave progress for the next heartbeat, and ask for one soon. */
    void report(Payload value) {
        progress = value;
        progressSaid = false;
        lines.pokeHeartbeat().run();
    }

    /** Send a chunk, blocking for as long as it takes; in rehearsals nobody is there to take it. */
    void send(Payload chunk) {
        if (lines.chunks() != null) {
            lines.chunks().send(this, chunk);
        }
    }

    void checkNotCancelled() {
        if (!cancelReason.isEmpty()) {
            throw new TaskCancelled(cancelReason);
        }
    }

    /** This thread runs the handler from now on: a cancel interrupts it, and what it logs carries the task's names. */
    synchronized void enter() {
        thread = Thread.currentThread();
        MDC.put("run_id", task.getRunId());
        MDC.put("step", task.getStep());
        MDC.put("attempt", Integer.toString(task.getAttempt()));
        String traceId = traceId();
        if (!traceId.isEmpty()) {
            MDC.put("trace_id", traceId);
        }
    }

    /** The trace the task belongs to, as 32 hex digits; empty without one. */
    String traceId() {
        String parent = task.getTraceOrDefault("traceparent", "");
        if (parent.length() > TRACE_ID_TO) {
            return parent.substring(TRACE_ID_FROM, TRACE_ID_TO);
        }
        return span == null ? "" : span.context().getTraceId();
    }

    /** The handler has returned: a cancel that comes now does not hit what the thread does next. */
    synchronized void leave() {
        thread = null;
        Thread.interrupted();
        MDC.clear();
    }

    /** The handler ends with this stage: a cancel cancels it. */
    void follow(CompletionStage<?> stage) {
        synchronized (this) {
            later = stage;
        }
        if (!cancelReason.isEmpty()) {
            cancelLater(stage);
        }
    }

    /** Tell the handler to stop; one that has not begun yet sees it when it does. */
    void cancel(String reason) {
        CompletionStage<?> stage;
        synchronized (this) {
            if (!cancelReason.isEmpty()) {
                return;
            }
            cancelReason = reason;
            if (thread != null) {
                thread.interrupt();
            }
            stage = later;
        }
        if (stage != null) {
            cancelLater(stage);
        }
        lines.chunks().wake(this);
    }

    private static void cancelLater(CompletionStage<?> stage) {
        stage.toCompletableFuture().cancel(true);
    }
}
