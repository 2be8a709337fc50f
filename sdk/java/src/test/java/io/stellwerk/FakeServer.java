package io.stellwerk;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import com.google.rpc.ErrorInfo;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.stellwerk.v1.CancelledTask;
import io.stellwerk.v1.Event;
import io.stellwerk.v1.HeartbeatRequest;
import io.stellwerk.v1.Payload;
import io.stellwerk.v1.Refusal;
import io.stellwerk.v1.RunResult;
import io.stellwerk.v1.Task;
import io.stellwerk.v1.TaskResult;
import io.stellwerk.v1.WatchRunResponse;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * A server that keeps the transport contract on a real socket and follows a script: it may refuse, cut or delay. Must not
 * become an engine: it hands out the tasks a test offers and remembers what came back.
 */
final class FakeServer implements AutoCloseable {
    private static final long PATIENCE_MS = 15_000;

    final Deque<Task> tasks = new ArrayDeque<>();
    final Map<ByteString, TaskResult> results = new HashMap<>();
    final Map<ByteString, Deque<Refusal>> verdicts = new HashMap<>();
    final List<TaskResult> decisions = new ArrayList<>();
    /** What the next verdict on a kept decision tells. */
    final List<Event> news = new ArrayList<>();

    final Map<String, List<Event>> histories = new HashMap<>();
    final Map<String, RunResult> runs = new HashMap<>();
    final Deque<Refusal> startRefusals = new ArrayDeque<>();
    final Deque<List<WatchRunResponse>> watches = new ArrayDeque<>();
    final Deque<CancelledTask> cancels = new ArrayDeque<>();
    Refusal chunkRefusal;
    boolean draining;
    boolean endAtOnce;
    int intervalMs = 100;
    Metadata metadata;

    private final Map<String, List<Message>> seen = new HashMap<>();
    private final Map<String, Deque<Act>> acts = new HashMap<>();
    private ExecutorService threads;
    private Server server;
    private int port;

    /** What a call does before it does what it always does. */
    interface Act {
        void play(Message request);
    }

    FakeServer() throws IOException {
        start();
    }

    String address() {
        return "127.0.0.1:" + port;
    }

    /** Listen on a free port, or on the one it had before. */
    void start() throws IOException {
        threads = Executors.newCachedThreadPool();
        server = Grpc.newServerBuilderForPort(port, InsecureServerCredentials.create())
                .executor(threads)
                .intercept(new Listener())
                .addService(new FakeWorkers(this))
                .addService(new FakeRuns(this))
                .addService(new FakeAdmin(this))
                .build()
                .start();
        port = server.getPort();
    }

    @Override
    public void close() {
        server.shutdownNow();
        try {
            server.awaitTermination();
            threads.shutdownNow();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    /** A task whose token is its run id. */
    static Task task(String action, Object value, String runId) {
        return Task.newBuilder()
                .setToken(ByteString.copyFromUtf8(runId))
                .setRunId(runId)
                .setStep("s1")
                .setAttempt(1)
                .setMaxAttempts(4)
                .setWorkflow("wf")
                .setAction(action)
                .setInput(Payloads.encode(value))
                .build();
    }

    static Act refusing(Status.Code code, Message... details) {
        return request -> {
            throw refusal(code, details);
        };
    }

    static StatusRuntimeException refusal(Status.Code code, Message... details) {
        var status = com.google.rpc.Status.newBuilder().setCode(code.value()).setMessage("no");
        Arrays.stream(details).map(Any::pack).forEach(status::addDetails);
        return StatusProto.toStatusRuntimeException(status.build());
    }

    static ErrorInfo info(String reason) {
        return ErrorInfo.newBuilder().setReason(reason).build();
    }

    static Refusal refused(String reason, int code) {
        return Refusal.newBuilder()
                .setReason(reason)
                .setMessage("not that")
                .setCode(code)
                .build();
    }

    /** Put acts into the script of a method, one for each call. */
    synchronized void play(String method, Act... script) {
        acts.computeIfAbsent(method, any -> new ArrayDeque<>()).addAll(List.of(script));
    }

    void offer(Task... offered) {
        change(() -> tasks.addAll(List.of(offered)));
    }

    /** End a run: whoever awaits it hears of it. */
    void end(String runId, io.stellwerk.v1.RunState state, Object output) {
        change(() -> runs.put(
                runId,
                RunResult.newBuilder()
                        .setRunId(runId)
                        .setState(state)
                        .setOutput(Payloads.encode(output))
                        .build()));
    }

    /** Change something under the lock that all waits look under. */
    synchronized void change(Runnable work) {
        work.run();
        notifyAll();
    }

    /** Wait until the condition holds; looks whenever something came or changed. */
    synchronized void until(BooleanSupplier condition) {
        long endMs = System.currentTimeMillis() + PATIENCE_MS;
        while (!condition.getAsBoolean()) {
            long leftMs = endMs - System.currentTimeMillis();
            if (leftMs <= 0) {
                throw new AssertionError("it did not come to that; seen: " + seen.keySet() + ", results: " + results);
            }
            try {
                wait(leftMs);
            } catch (InterruptedException interrupted) {
                throw new AssertionError(interrupted);
            }
        }
    }

    synchronized <T> T look(Supplier<T> what) {
        return what.get();
    }

    TaskResult result(String runId) {
        ByteString token = ByteString.copyFromUtf8(runId);
        until(() -> results.containsKey(token));
        return look(() -> results.get(token));
    }

    synchronized List<Message> seen(String method) {
        return List.copyOf(seen.getOrDefault(method, List.of()));
    }

    synchronized List<HeartbeatRequest> beats() {
        return seen("beat").stream().map(HeartbeatRequest.class::cast).toList();
    }

    synchronized void forgetSeen() {
        seen.clear();
    }

    /** Remember the request and play the next act of its method. */
    void enter(String method, Message request) {
        Act act;
        synchronized (this) {
            seen.computeIfAbsent(method, any -> new ArrayList<>()).add(request);
            notifyAll();
            Deque<Act> script = acts.get(method);
            act = script == null ? null : script.poll();
        }
        if (act != null) {
            act.play(request);
        }
    }

    static Payload json(String text) {
        return Payload.newBuilder().setJson(text).build();
    }

    private final class Listener implements ServerInterceptor {
        @Override
        public <Q, A> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
            metadata = headers;
            return next.startCall(call, headers);
        }
    }
}
