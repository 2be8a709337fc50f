package io.stellwerk;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JavaType;
import io.grpc.Channel;
import io.stellwerk.v1.AdminServiceGrpc;
import io.stellwerk.v1.ApplyWorkflowRequest;
import io.stellwerk.v1.DeadLetterServiceGrpc;
import io.stellwerk.v1.DiscardDeadLetterRequest;
import io.stellwerk.v1.GetOverviewRequest;
import io.stellwerk.v1.GetServerRequest;
import io.stellwerk.v1.GetWorkflowRequest;
import io.stellwerk.v1.ListQueuesRequest;
import io.stellwerk.v1.ListTimersRequest;
import io.stellwerk.v1.ListWorkersRequest;
import io.stellwerk.v1.ListWorkflowsRequest;
import io.stellwerk.v1.RequeueDeadLetterRequest;
import io.stellwerk.v1.RunServiceGrpc;
import io.stellwerk.v1.SignalRunRequest;
import io.stellwerk.v1.StartRunRequest;
import io.stellwerk.v1.ValidateWorkflowRequest;
import io.stellwerk.v1.WorkflowServiceGrpc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * A connection to a server, shared by any number of threads: starts runs, waits for them, registers workflows.
 *
 * <pre>{@code
 * try (Client client = new Client()) {
 *     Receipt receipt = client.run("order", Map.of("total", 3), Receipt.class).join();
 * }
 * }</pre>
 *
 * <p>Every changing call carries a request id, so sending it again never does it twice. Futures fail with {@link
 * RequestError}s.
 */
public final class Client implements AutoCloseable {
    private final Connection connection;

    /** A client with the options of the environment, else the defaults. */
    public Client() {
        this(ClientOptions.builder().build());
    }

    /** A client with these options. The connection is opened by the first call. */
    public Client(ClientOptions options) {
        Telemetry.configure();
        connection = new Connection(options.target(), options.retry());
    }

    /** Close the connection; whoever still waits gets a StellwerkError. Twice is the same as once. */
    @Override
    public void close() {
        connection.close();
        Telemetry.flush();
    }

    /** The server's host:port. */
    public String address() {
        return connection.target().address();
    }

    /** The namespace of every call. */
    public String namespace() {
        return connection.namespace();
    }

    /**
     * The channel, with the metadata every call must carry, for generated stubs where this class lacks something: {@code
     * RunServiceGrpc.newFutureStub(client.channel())}. Such calls are not sent again.
     */
    public Channel channel() {
        return connection.calls().channel();
    }

    /** Start a run without input; see {@link #start(String, Object, StartOptions)}. */
    public CompletableFuture<RunHandle> start(String workflow) {
        return start(workflow, null, StartOptions.NONE);
    }

    /** Start a run; see {@link #start(String, Object, StartOptions)}. */
    public CompletableFuture<RunHandle> start(String workflow, Object input) {
        return start(workflow, input, StartOptions.NONE);
    }

    /**
     * Start a run; gives its handle once it is durable. Concurrent starts travel together.
     *
     * @param input anything with a JSON form, or byte[]
     * @return fails with EncodeError, PayloadTooLarge, NotFound, InvalidArgument, ...
     */
    public CompletableFuture<RunHandle> start(String workflow, Object input, StartOptions options) {
        return Futures.attempt(() -> connection
                .start(request(workflow, input, options))
                .thenApply(answer -> new RunHandle(connection, answer.getRunId(), answer.getDeduplicated())));
    }

    /** Start a run and wait for its output as plain Java; see {@link #start(String, Object, StartOptions)}. */
    public CompletableFuture<Object> run(String workflow, Object input) {
        return run(workflow, input, Object.class, StartOptions.NONE);
    }

    /** Start a run and wait for its output as plain Java. */
    public CompletableFuture<Object> run(String workflow, Object input, StartOptions options) {
        return run(workflow, input, Object.class, options);
    }

    /** Start a run and wait for its output as a class. */
    public <T> CompletableFuture<T> run(String workflow, Object input, Class<T> output) {
        return run(workflow, input, output, StartOptions.NONE);
    }

    /**
     * Start a run and wait for its output as a class.
     *
     * @return fails with RunFailed when the run does not succeed, InputError when the output does not fit the class
     */
    public <T> CompletableFuture<T> run(String workflow, Object input, Class<T> output, StartOptions options) {
        return run(workflow, input, Json.MAPPER.constructType(output), options);
    }

    /** Start a run and wait for its output as a generic type: {@code new TypeReference<List<Line>>() {}}. */
    public <T> CompletableFuture<T> run(String workflow, Object input, TypeReference<T> output, StartOptions options) {
        return run(workflow, input, Json.MAPPER.constructType(output), options);
    }

    /**
     * Tell the run that was started with this key something; {@code deduplicated} of the handle says whether it had the
     * signal before. Fails with NotFound, RunTerminal.
     */
    public CompletableFuture<RunHandle> signal(String workflow, String idempotencyKey, Signal signal) {
        return Futures.attempt(() -> {
            var request = SignalRunRequest.newBuilder()
                    .setNamespace(namespace())
                    .setWorkflow(workflow)
                    .setIdempotencyKey(idempotencyKey)
                    .setSignal(signal.message())
                    .setRequestId(Connection.requestId());
            return connection
                    .call(RunServiceGrpc.getSignalRunMethod(), request.build())
                    .thenApply(answer -> new RunHandle(connection, answer.getRunId(), answer.getDeduplicated()));
        });
    }

    /** The handle of a run known by its id; asks nobody, so a wrong id shows with the first call. */
    public RunHandle handle(String runId) {
        connection.checkOpen();
        return new RunHandle(connection, runId, false);
    }

    /** All runs of a workflow, newest first and without payloads. */
    public Pages<Run> listRuns(String workflow) {
        return listRuns(RunFilter.all().workflow(workflow));
    }

    /** Runs, newest first and without payloads. */
    public Pages<Run> listRuns(RunFilter filter) {
        var request = filter.request().setNamespace(namespace());
        return new Pages<>(
                (token, size) -> connection
                        .call(
                                RunServiceGrpc.getListRunsMethod(),
                                request.clone()
                                        .setPageToken(token)
                                        .setPageSize(size)
                                        .build())
                        .thenApply(page ->
                                new Pages.Page<>(Wire.each(page.getRunsList(), Wire::run), page.getNextPageToken())),
                filter.limit());
    }

    /**
     * Register a workflow; the same content is the same version, changed content the next.
     *
     * @param definition YAML or JSON text; a single line that does not begin with a brace is the path of a file
     * @return fails with InvalidArgument whose fields list everything that is wrong
     */
    public CompletableFuture<Workflow> applyWorkflow(String definition) {
        return apply(definitionText(definition));
    }

    /** Register the workflow in a file. */
    public CompletableFuture<Workflow> applyWorkflow(Path file) {
        return apply(read(file));
    }

    /** Register a workflow given as data. */
    public CompletableFuture<Workflow> applyWorkflow(Map<String, ?> definition) {
        return Futures.attempt(() -> apply(Payloads.encode(definition).getJson()));
    }

    /** Everything that is wrong with a definition (empty: it is good); stores nothing. */
    public CompletableFuture<List<FieldProblem>> validateWorkflow(String definition) {
        return validate(definitionText(definition));
    }

    /** Everything that is wrong with the definition in a file. */
    public CompletableFuture<List<FieldProblem>> validateWorkflow(Path file) {
        return validate(read(file));
    }

    /** Everything that is wrong with a definition given as data. */
    public CompletableFuture<List<FieldProblem>> validateWorkflow(Map<String, ?> definition) {
        return Futures.attempt(() -> validate(Payloads.encode(definition).getJson()));
    }

    /** The current version of a registered workflow. Fails with NotFound. */
    public CompletableFuture<Workflow> getWorkflow(String name) {
        return getWorkflow(name, 0);
    }

    /** A version of a registered workflow; 0: the current one. Fails with NotFound. */
    public CompletableFuture<Workflow> getWorkflow(String name, int version) {
        var request = GetWorkflowRequest.newBuilder()
                .setNamespace(namespace())
                .setName(name)
                .setVersion(version);
        return Futures.attempt(() -> connection
                .call(WorkflowServiceGrpc.getGetWorkflowMethod(), request.build())
                .thenApply(answer -> Wire.workflow(answer.getWorkflow(), false)));
    }

    /** The current version of every workflow. */
    public Pages<Workflow> listWorkflows() {
        return listWorkflows("");
    }

    /** All versions of a workflow; empty: the current version of every one. */
    public Pages<Workflow> listWorkflows(String name) {
        var request =
                ListWorkflowsRequest.newBuilder().setNamespace(namespace()).setName(name);
        return new Pages<>(
                (token, size) -> connection
                        .call(
                                WorkflowServiceGrpc.getListWorkflowsMethod(),
                                request.clone()
                                        .setPageToken(token)
                                        .setPageSize(size)
                                        .build())
                        .thenApply(page -> new Pages.Page<>(
                                Wire.each(page.getWorkflowsList(), item -> Wire.workflow(item, false)),
                                page.getNextPageToken())),
                Long.MAX_VALUE);
    }

    /** Dead letters, newest first. */
    public Pages<DeadLetter> deadLetters(DeadLetterFilter filter) {
        var request = filter.request().setNamespace(namespace());
        return new Pages<>(
                (token, size) -> connection
                        .call(
                                DeadLetterServiceGrpc.getListDeadLettersMethod(),
                                request.clone()
                                        .setPageToken(token)
                                        .setPageSize(size)
                                        .build())
                        .thenApply(page -> new Pages.Page<>(
                                Wire.each(page.getDeadLettersList(), Wire::deadLetter), page.getNextPageToken())),
                filter.limit());
    }

    /** Try a dead letter again; gives the run that goes on: the same, or the fork of an ended one. */
    public CompletableFuture<RunHandle> requeue(String deadLetterId) {
        var request = RequeueDeadLetterRequest.newBuilder()
                .setNamespace(namespace())
                .setDeadLetterId(deadLetterId)
                .setRequestId(Connection.requestId());
        return Futures.attempt(() -> connection
                .call(DeadLetterServiceGrpc.getRequeueDeadLetterMethod(), request.build())
                .thenApply(answer -> new RunHandle(connection, answer.getRunId(), false)));
    }

    /** Give a dead letter up; a run that is BLOCKED on it fails. */
    public CompletableFuture<Void> discard(String deadLetterId, String reason) {
        var request = DiscardDeadLetterRequest.newBuilder()
                .setNamespace(namespace())
                .setDeadLetterId(deadLetterId)
                .setReason(reason)
                .setRequestId(Connection.requestId());
        return Futures.attempt(() -> connection
                .call(DeadLetterServiceGrpc.getDiscardDeadLetterMethod(), request.build())
                .thenApply(answer -> null));
    }

    /** The workers the server knows in this namespace. */
    public CompletableFuture<List<WorkerInfo>> workers() {
        var request = ListWorkersRequest.newBuilder().setNamespace(namespace());
        return Futures.attempt(() -> connection
                .call(AdminServiceGrpc.getListWorkersMethod(), request.build())
                .thenApply(answer -> Wire.each(answer.getWorkersList(), Wire::worker)));
    }

    /** Every queue and action with tasks or workers in this namespace. */
    public CompletableFuture<List<QueueInfo>> queues() {
        var request = ListQueuesRequest.newBuilder().setNamespace(namespace());
        return Futures.attempt(() -> connection
                .call(AdminServiceGrpc.getListQueuesMethod(), request.build())
                .thenApply(answer -> Wire.each(answer.getQueuesList(), Wire::queue)));
    }

    /** Timers that are set, soonest first. */
    public Pages<TimerInfo> timers() {
        return timers("");
    }

    /** Timers that are set for runs of this workflow, soonest first. */
    public Pages<TimerInfo> timers(String workflow) {
        var request = ListTimersRequest.newBuilder().setNamespace(namespace()).setWorkflow(workflow);
        return new Pages<>(
                (token, size) -> connection
                        .call(
                                AdminServiceGrpc.getListTimersMethod(),
                                request.clone()
                                        .setPageToken(token)
                                        .setPageSize(size)
                                        .build())
                        .thenApply(page -> new Pages.Page<>(
                                Wire.each(page.getTimersList(), Wire::timer), page.getNextPageToken())),
                Long.MAX_VALUE);
    }

    /** How this namespace stands, in one answer. */
    public CompletableFuture<Overview> overview() {
        var request = GetOverviewRequest.newBuilder().setNamespace(namespace());
        return Futures.attempt(() -> connection
                .call(AdminServiceGrpc.getGetOverviewMethod(), request.build())
                .thenApply(Wire::overview));
    }

    /** What the server says about itself; the cheapest call to see whether it is there. */
    public CompletableFuture<ServerInfo> server() {
        return Futures.attempt(() -> connection
                .call(AdminServiceGrpc.getGetServerMethod(), GetServerRequest.getDefaultInstance())
                .thenApply(Wire::server));
    }

    private CompletableFuture<Workflow> apply(String text) {
        var request = ApplyWorkflowRequest.newBuilder()
                .setNamespace(namespace())
                .setDefinition(text)
                .setRequestId(Connection.requestId());
        return Futures.attempt(() -> connection
                .call(WorkflowServiceGrpc.getApplyWorkflowMethod(), request.build())
                .thenApply(answer -> Wire.workflow(answer.getWorkflow(), answer.getCreated())));
    }

    private CompletableFuture<List<FieldProblem>> validate(String text) {
        var request = ValidateWorkflowRequest.newBuilder().setDefinition(text);
        return Futures.attempt(() -> connection
                .call(WorkflowServiceGrpc.getValidateWorkflowMethod(), request.build())
                .thenApply(answer -> Wire.problems(answer.getProblemsList())));
    }

    private <T> CompletableFuture<T> run(String workflow, Object input, JavaType output, StartOptions options) {
        return start(workflow, input, options).thenCompose(handle -> handle.result(output, null));
    }

    private static StartRunRequest request(String workflow, Object input, StartOptions options) {
        var request = StartRunRequest.newBuilder()
                .setWorkflow(workflow)
                .setRequestId(Connection.requestId())
                .setInput(Payloads.encode(input));
        options.fill(request);
        return checked(request.build());
    }

    /** Refuses what the transport would cut off with a far less clear error. */
    private static StartRunRequest checked(StartRunRequest request) {
        int size = request.getSerializedSize();
        if (size <= Payloads.BYTES_MAX) {
            return request;
        }
        throw Payloads.tooLarge("input", size);
    }

    private static String definitionText(String definition) {
        boolean isText = definition.contains("\n") || definition.stripLeading().startsWith("{");
        return isText ? definition : read(Path.of(definition));
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
