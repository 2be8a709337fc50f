package io.stellwerk;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JavaType;
import io.stellwerk.v1.CancelRunRequest;
import io.stellwerk.v1.ExplainRunRequest;
import io.stellwerk.v1.GetHistoryRequest;
import io.stellwerk.v1.GetRunRequest;
import io.stellwerk.v1.ResumeRunRequest;
import io.stellwerk.v1.RetryRunRequest;
import io.stellwerk.v1.RunResult;
import io.stellwerk.v1.RunServiceGrpc;
import io.stellwerk.v1.SignalRunRequest;
import io.stellwerk.v1.TerminateRunRequest;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A run as its starter holds it: wait for it, watch it, end it. Futures fail with {@link RequestError}s. */
public final class RunHandle {
    private static final JavaType ANY = Json.MAPPER.constructType(Object.class);

    private final Connection connection;
    private final String runId;
    private final boolean deduplicated;

    RunHandle(Connection connection, String runId, boolean deduplicated) {
        this.connection = connection;
        this.runId = runId;
        this.deduplicated = deduplicated;
    }

    /** The run's id. */
    public String runId() {
        return runId;
    }

    /** True when the start found the run of an earlier start with the same idempotency key. */
    public boolean deduplicated() {
        return deduplicated;
    }

    /** Wait for the run to end, however long; gives its output as plain Java. See {@link #result(Class, Duration)}. */
    public CompletableFuture<Object> result() {
        return result(ANY, null);
    }

    /** Wait for the run to end, but not longer than this; gives its output as plain Java. */
    public CompletableFuture<Object> result(Duration timeout) {
        return result(ANY, timeout);
    }

    /** Wait for the run to end, however long; gives its output as a class. */
    public <T> CompletableFuture<T> result(Class<T> output) {
        return result(Json.MAPPER.constructType(output), null);
    }

    /**
     * Wait for the run to end, but not longer than this; gives its output as a class.
     *
     * @return fails with RunFailed, RunCancelled, RunTerminated or RunTimedOut when the run ended so, with
     *     java.util.concurrent.TimeoutException when the wait is over (the run goes on), with InputError when the output
     *     does not fit the class
     */
    public <T> CompletableFuture<T> result(Class<T> output, Duration timeout) {
        return result(Json.MAPPER.constructType(output), timeout);
    }

    /** Wait for the run to end, however long; gives its output as a generic type. */
    public <T> CompletableFuture<T> result(TypeReference<T> output) {
        return result(Json.MAPPER.constructType(output), null);
    }

    /** The run as it is now, without its steps. */
    public CompletableFuture<Run> get() {
        return get(false);
    }

    /** The run as it is now, with its steps when asked for. */
    public CompletableFuture<Run> get(boolean includeSteps) {
        var request = GetRunRequest.newBuilder()
                .setNamespace(connection.namespace())
                .setRunId(runId)
                .setIncludeSteps(includeSteps);
        return Futures.attempt(() -> connection
                .call(RunServiceGrpc.getGetRunMethod(), request.build())
                .thenApply(answer -> Wire.run(answer.getRun())));
    }

    /**
     * What the run waits for, most telling first; of an ended one, how it has ended. Its summary is one sentence. Answers
     * also while the server's database is away.
     */
    public CompletableFuture<Explanation> explain() {
        var request = ExplainRunRequest.newBuilder()
                .setNamespace(connection.namespace())
                .setRunId(runId);
        return Futures.attempt(() -> connection
                .call(RunServiceGrpc.getExplainRunMethod(), request.build())
                .thenApply(Explanations::explanation));
    }

    /** Every event so far, oldest first. */
    public Pages<Event> history() {
        var request = GetHistoryRequest.newBuilder()
                .setNamespace(connection.namespace())
                .setRunId(runId);
        return new Pages<>(
                (token, size) -> connection
                        .call(
                                RunServiceGrpc.getGetHistoryMethod(),
                                request.clone().setPageToken(token).build())
                        .thenApply(page -> new Pages.Page<>(
                                Wire.each(page.getEventsList(), Wire::event), page.getNextPageToken())),
                Long.MAX_VALUE);
    }

    /** Events and chunks from the start, as they happen; see {@link #watch(long, boolean)}. */
    public Watch watch() {
        return watch(0, true);
    }

    /**
     * Events and chunks as they happen, until the run has ended. A broken connection is opened again where it broke.
     *
     * @param afterSequence only events after this one; 0: from the start
     * @param chunks whether to give chunks too
     */
    public Watch watch(long afterSequence, boolean chunks) {
        connection.checkOpen();
        return new Watch(connection, runId, afterSequence, chunks);
    }

    /** Tell the run something; see {@link #signal(Signal)}. */
    public CompletableFuture<Boolean> signal(String name, Object payload) {
        return signal(new Signal(name, payload));
    }

    /** Tell the run something; gives true when it had that signal before. Fails with RunTerminal when it has ended. */
    public CompletableFuture<Boolean> signal(Signal signal) {
        return Futures.attempt(() -> {
            var request = SignalRunRequest.newBuilder()
                    .setNamespace(connection.namespace())
                    .setRunId(runId)
                    .setSignal(signal.message())
                    .setRequestId(Connection.requestId());
            return connection
                    .call(RunServiceGrpc.getSignalRunMethod(), request.build())
                    .thenApply(answer -> answer.getDeduplicated());
        });
    }

    /** Ask the run to end as CANCELLED: nothing new is handed out, running handlers are told. */
    public CompletableFuture<RunState> cancel(String reason) {
        var request = CancelRunRequest.newBuilder()
                .setNamespace(connection.namespace())
                .setRunId(runId)
                .setReason(reason)
                .setRequestId(Connection.requestId());
        return Futures.attempt(() -> connection
                .call(RunServiceGrpc.getCancelRunMethod(), request.build())
                .thenApply(answer -> Wire.runState(answer.getState())));
    }

    /** End the run as TERMINATED at once: handlers' leases are void. */
    public CompletableFuture<RunState> terminate(String reason) {
        var request = TerminateRunRequest.newBuilder()
                .setNamespace(connection.namespace())
                .setRunId(runId)
                .setReason(reason)
                .setRequestId(Connection.requestId());
        return Futures.attempt(() -> connection
                .call(RunServiceGrpc.getTerminateRunMethod(), request.build())
                .thenApply(answer -> Wire.runState(answer.getState())));
    }

    /** Have a BLOCKED run of a code workflow decided again; gives its state. */
    public CompletableFuture<RunState> resume() {
        var request = ResumeRunRequest.newBuilder()
                .setNamespace(connection.namespace())
                .setRunId(runId)
                .setRequestId(Connection.requestId());
        return Futures.attempt(() -> connection
                .call(RunServiceGrpc.getResumeRunMethod(), request.build())
                .thenApply(answer -> Wire.runState(answer.getState())));
    }

    /** Fork a new run from this ended one; finished steps are kept, whatever did not succeed runs again. */
    public CompletableFuture<RunHandle> retry() {
        return retry("");
    }

    /** Fork a new run from this ended one; this step and all that need it run again. */
    public CompletableFuture<RunHandle> retry(String fromStep) {
        var request = RetryRunRequest.newBuilder()
                .setNamespace(connection.namespace())
                .setRunId(runId)
                .setFromStep(fromStep)
                .setRequestId(Connection.requestId());
        return Futures.attempt(() -> connection
                .call(RunServiceGrpc.getRetryRunMethod(), request.build())
                .thenApply(answer -> new RunHandle(connection, answer.getRunId(), answer.getDeduplicated())));
    }

    @Override
    public String toString() {
        return "RunHandle(" + runId + ")";
    }

    /** The end of this run, or of the last one it has gone on in. */
    private void follow(String id, CompletableFuture<RunResult> last) {
        CompletableFuture<RunResult> next = connection.awaits().result(id);
        next.whenComplete((result, error) -> {
            if (error != null) {
                last.completeExceptionally(error);
            } else if (result.getContinuedAs().isEmpty() || last.isDone()) {
                last.complete(result);
            } else {
                follow(result.getContinuedAs(), last);
            }
        });
        last.whenComplete((result, error) -> next.cancel(false)); // a caller who leaves is waited for no more
    }

    <T> CompletableFuture<T> result(JavaType output, Duration timeout) {
        return Futures.attempt(() -> {
            CompletableFuture<RunResult> ended = new CompletableFuture<>();
            follow(runId, ended);
            if (timeout != null) {
                ended.orTimeout(timeout.toNanos(), TimeUnit.NANOSECONDS);
            }
            CompletableFuture<T> value = ended.thenApply(result -> Payloads.<T>decode(Wire.output(result), output));
            value.whenComplete((given, error) -> ended.cancel(false)); // a caller who leaves is waited for no more
            return value;
        });
    }
}
