package io.stellwerk;

import io.opentelemetry.context.Context;
import io.stellwerk.v1.RunServiceGrpc;
import io.stellwerk.v1.StartRunRequest;
import io.stellwerk.v1.StartRunResponse;
import io.stellwerk.v1.StartRunsRequest;
import io.stellwerk.v1.StartRunsResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Starts that travel together: while one StartRuns is on its way the next fills; a lone start goes at once. Must not wait
 * to fill a batch, and must not give up on a start before its retry time is over.
 */
final class Starts {
    private static final int BATCH_MAX = 1_000;
    private static final int IN_FLIGHT_MAX = 2;

    private final Loop loop;
    private final Calls calls;
    private final Duration retry;
    private final Queue<Start> waiting = new ConcurrentLinkedQueue<>();
    private final Soon pumpSoon;
    private final Set<List<Start>> sending = new HashSet<>();
    private final Set<Start> pausing = new HashSet<>();
    private StellwerkError closed;

    private record Start(
            StartRunRequest request, Context context, CompletableFuture<StartRunResponse> answer, Budget budget) {
        @Override
        public boolean equals(Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(this);
        }
    }

    Starts(Loop loop, Calls calls, Duration retry) {
        this.loop = loop;
        this.calls = calls;
        this.retry = retry;
        this.pumpSoon = new Soon(loop, this::pump);
    }

    /** Start one run; {@code context} is where its span is current, null without one. From any thread. */
    CompletableFuture<StartRunResponse> start(StartRunRequest request, Context context) {
        var start = new Start(request, context, new CompletableFuture<>(), new Budget(retry));
        waiting.add(start);
        pumpSoon.request();
        return start.answer();
    }

    /** Stop sending; starts without an answer fail, and may or may not have happened. */
    void close(StellwerkError error) {
        closed = error;
        sending.forEach(batch -> batch.forEach(start -> Futures.fail(start.answer(), error)));
        pausing.forEach(start -> Futures.fail(start.answer(), error));
        pump();
    }

    private void pump() {
        while (closed == null && sending.size() < IN_FLIGHT_MAX) {
            List<Start> batch = take();
            if (batch.isEmpty()) {
                return;
            }
            sending.add(batch);
            deliver(batch);
        }
        for (Start start = closed == null ? null : waiting.poll(); start != null; start = waiting.poll()) {
            Futures.fail(start.answer(), closed);
        }
    }

    private List<Start> take() {
        List<Start> batch = new ArrayList<>();
        long sizeBytes = 0;
        for (Start start = waiting.peek(); start != null && batch.size() < BATCH_MAX; start = waiting.peek()) {
            sizeBytes += start.request().getSerializedSize();
            if (!batch.isEmpty() && sizeBytes > Target.BATCH_BYTES_MAX) {
                break;
            }
            waiting.poll();
            if (!start.answer().isDone()) { // else its caller has gone
                batch.add(start);
            }
        }
        return batch;
    }

    private void deliver(List<Start> batch) {
        var request = StartRunsRequest.newBuilder().setNamespace(calls.target().namespace());
        batch.forEach(start -> request.addStarts(start.request()));
        Spans.within(
                context(batch),
                () -> calls.unary(
                        RunServiceGrpc.getStartRunsMethod(),
                        request.build(),
                        Calls.TIMEOUT,
                        (response, problem) -> delivered(batch, response, problem)));
    }

    /** In a trace the call for one start belongs to it, the call for several to none of them. */
    private static Context context(List<Start> batch) {
        Context first = batch.get(0).context();
        return first == null || batch.size() == 1 ? first : Context.root();
    }

    private void delivered(List<Start> batch, StartRunsResponse response, RequestError problem) {
        sending.remove(batch);
        int answered = problem == null ? Math.min(response.getResultsCount(), batch.size()) : 0;
        for (int index = 0; index < batch.size(); index++) {
            Start start = batch.get(index);
            if (problem != null) {
                retryOrFail(start, problem);
            } else if (index < answered) {
                answer(start, response.getResults(index));
            } else {
                String words = batch.size() + " starts sent, " + answered + " verdicts came";
                Futures.fail(start.answer(), new StellwerkError(words));
            }
        }
        pump();
    }

    private void answer(Start start, StartRunResponse result) {
        if (result.hasRefusal()) {
            retryOrFail(start, Statuses.of(result.getRefusal()));
        } else {
            Futures.complete(start.answer(), result);
        }
    }

    private void retryOrFail(Start start, RequestError problem) {
        Duration delay = start.budget().delay(problem);
        if (delay == null || closed != null) {
            Futures.fail(start.answer(), closed == null ? problem : closed);
            return;
        }
        pausing.add(start);
        loop.after(delay, () -> {
            pausing.remove(start);
            calls.connectAgain();
            waiting.add(start);
            pumpSoon.request();
        });
    }
}
