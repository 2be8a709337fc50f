package io.stellwerk;

import io.stellwerk.v1.AwaitRunsRequest;
import io.stellwerk.v1.AwaitRunsResponse;
import io.stellwerk.v1.RunResult;
import io.stellwerk.v1.RunServiceGrpc;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Results of runs as they end: any number of waiting callers share one AwaitRuns stream. Must not lose a waiter when the
 * stream breaks: open ids are asked for again.
 */
final class Awaits implements Talk<AwaitRunsRequest, AwaitRunsResponse> {
    private static final int IDS_MAX = 1_000;

    private final Loop loop;
    private final Target target;
    private final Duration retry;
    private final Duplex<AwaitRunsRequest, AwaitRunsResponse> line;
    private final Queue<Waiter> arrivals = new ConcurrentLinkedQueue<>();
    private final Soon admitSoon;
    private final Map<String, List<CompletableFuture<RunResult>>> open = new HashMap<>();
    private final Deque<String> unsaid = new ArrayDeque<>();
    private Long brokenSinceNs;
    private StellwerkError closed;

    private record Waiter(String runId, CompletableFuture<RunResult> result) {}

    Awaits(Loop loop, Calls calls, Duration retry) {
        this.loop = loop;
        this.target = calls.target();
        this.retry = retry;
        this.line = new Duplex<>(loop, calls, RunServiceGrpc.getAwaitRunsMethod(), this);
        this.admitSoon = new Soon(loop, this::admit);
    }

    /** Completes when the run has ended; fails with NotFound or what keeps the stream broken. From any thread. */
    CompletableFuture<RunResult> result(String runId) {
        var waiter = new Waiter(runId, new CompletableFuture<>());
        waiter.result().whenComplete((result, error) -> {
            if (error != null) {
                loop.execute(() -> forget(waiter));
            }
        });
        arrivals.add(waiter);
        admitSoon.request();
        return waiter.result();
    }

    /** End the stream; whoever still waits gets an error. */
    void close(StellwerkError error) {
        admit();
        closed = error;
        line.close();
        failAll(error);
    }

    @Override
    public AwaitRunsRequest take() {
        if (unsaid.isEmpty()) {
            return null;
        }
        var request = AwaitRunsRequest.newBuilder().setNamespace(target.namespace());
        while (!unsaid.isEmpty() && request.getRunIdsCount() < IDS_MAX) {
            request.addRunIds(unsaid.poll());
        }
        return request.build();
    }

    @Override
    public void restart() {
        unsaid.clear();
        unsaid.addAll(open.keySet());
    }

    @Override
    public void receive(AwaitRunsResponse message) {
        brokenSinceNs = null;
        for (RunResult result : message.getResultsList()) {
            waiters(result.getRunId()).forEach(waiter -> Futures.complete(waiter, result));
        }
        for (String runId : message.getUnknownList()) {
            var facts = new RequestError.Facts("NOT_FOUND", "", Map.of("run_id", runId), List.of(), null);
            NotFound error = new NotFound("run " + runId + " does not exist", facts);
            waiters(runId).forEach(waiter -> Futures.fail(waiter, error));
        }
    }

    @Override
    public boolean isBusy() {
        return !open.isEmpty();
    }

    /** Gives up on errors that stay: at once when final, after the retry time when the server stays away. */
    @Override
    public void failed(RequestError problem) {
        long nowNs = System.nanoTime();
        if (brokenSinceNs == null) {
            brokenSinceNs = nowNs;
        }
        if (!Statuses.isRetryable(problem) || nowNs - brokenSinceNs > retry.toNanos()) {
            failAll(problem);
            brokenSinceNs = null;
        }
    }

    private void admit() {
        for (Waiter waiter = arrivals.poll(); waiter != null; waiter = arrivals.poll()) {
            if (closed != null) {
                Futures.fail(waiter.result(), closed);
            } else if (!waiter.result().isDone()) {
                open.computeIfAbsent(waiter.runId(), this::say).add(waiter.result());
            }
        }
        if (!unsaid.isEmpty()) {
            line.wake();
        }
    }

    private List<CompletableFuture<RunResult>> say(String runId) {
        unsaid.add(runId);
        return new ArrayList<>(1);
    }

    private List<CompletableFuture<RunResult>> waiters(String runId) {
        List<CompletableFuture<RunResult>> found = open.remove(runId);
        return found == null ? List.of() : found;
    }

    private void failAll(StellwerkError error) {
        open.values().forEach(group -> group.forEach(waiter -> Futures.fail(waiter, error)));
        open.clear();
    }

    /** Its caller has gone. */
    private void forget(Waiter waiter) {
        open.computeIfPresent(waiter.runId(), (runId, group) -> {
            group.remove(waiter.result());
            return group.isEmpty() ? null : group;
        });
    }
}
