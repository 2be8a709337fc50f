package io.stellwerk;

import io.grpc.MethodDescriptor;
import io.opentelemetry.context.Context;
import io.stellwerk.v1.StartRunRequest;
import io.stellwerk.v1.StartRunResponse;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/** A client's channel, its batchers, and the one way its unary calls are made. Must not shape any request. */
final class Connection {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int REQUEST_ID_BYTES = 16;

    private final Loop loop = new Loop("stellwerk-client");
    private final Duration retry;
    private final Spans spans;
    private final Calls calls;
    private final Starts starts;
    private final Awaits awaits;
    private final Set<CompletableFuture<?>> asking = ConcurrentHashMap.newKeySet();
    private final Set<Runnable> closers = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;

    Connection(Target target, Duration retry) {
        this.retry = retry;
        this.spans = Telemetry.spans(target.namespace());
        this.calls = new Calls(target, loop, spans);
        this.starts = new Starts(loop, calls, retry);
        this.awaits = new Awaits(loop, calls, retry);
    }

    Target target() {
        return calls.target();
    }

    String namespace() {
        return target().namespace();
    }

    Duration retry() {
        return retry;
    }

    Calls calls() {
        return calls;
    }

    /** Start one run; the request must carry a request id. Fails with RequestErrors. */
    CompletableFuture<StartRunResponse> start(StartRunRequest request) {
        checkOpen();
        return spans == null ? starts.start(request, null) : spans.start(request, starts::start);
    }

    Awaits awaits() {
        checkOpen();
        return awaits;
    }

    void checkOpen() {
        if (closed) {
            throw new StellwerkError("the client is closed");
        }
    }

    /** Send a request, again and again within the retry time while that may help. Fails with RequestErrors. */
    <Q, A> CompletableFuture<A> call(MethodDescriptor<Q, A> method, Q request) {
        checkOpen();
        var answer = new CompletableFuture<A>();
        asking.add(answer);
        answer.whenComplete((value, error) -> asking.remove(answer));
        attempt(method, request, answer, new Budget(retry));
        return answer;
    }

    /** Call this when the connection is closed. */
    void onClose(Runnable closer) {
        closers.add(closer);
    }

    void forget(Runnable closer) {
        closers.remove(closer);
    }

    /** End both batchers and the channel; whoever still waits gets an error. */
    void close() {
        closed = true;
        loop.execute(() -> {
            starts.close(new StellwerkError("the client was closed before the start was acknowledged"));
            awaits.close(new StellwerkError("the client was closed before the run ended"));
            asking.forEach(answer -> Futures.fail(answer, new StellwerkError("the client is closed")));
            closers.forEach(Runnable::run);
            calls.close();
            loop.close();
        });
    }

    /** A fresh id that makes a changing call safe to send again. */
    static String requestId() {
        byte[] bytes = new byte[REQUEST_ID_BYTES];
        RANDOM.nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private <Q, A> void attempt(MethodDescriptor<Q, A> method, Q request, CompletableFuture<A> answer, Budget budget) {
        Context around = spans == null ? null : Context.current();
        calls.unary(method, request, Calls.TIMEOUT, (value, problem) -> {
            if (problem == null) {
                Futures.complete(answer, value);
                return;
            }
            Duration delay = budget.delay(problem);
            if (delay == null) {
                Futures.fail(answer, problem);
                return;
            }
            loop.after(delay, () -> {
                calls.connectAgain();
                Spans.within(around, () -> attempt(method, request, answer, budget));
            });
        });
    }
}
