package io.stellwerk;

import io.grpc.ClientCall;
import io.stellwerk.v1.PollTaskRequest;
import io.stellwerk.v1.PollTaskResponse;
import io.stellwerk.v1.Task;
import io.stellwerk.v1.WorkerServiceGrpc;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Polls for tasks while there are free slots, for as long as the worker lives. Must not end for any reason but {@link
 * #stop}: whatever a poll answers, another one follows. Everything in the loop.
 */
final class Poller {
    static final Duration WAIT = Duration.ofSeconds(20);

    private static final Logger LOGGER = LoggerFactory.getLogger("stellwerk");
    private static final int TASKS_MAX = 1_000;
    /** The server answers an empty poll before this; one that does not has lost the poll. */
    private static final Duration TIMEOUT = WAIT.plusSeconds(10);

    private final Loop loop;
    private final Calls calls;
    private final PollTaskRequest request;
    private final Work work;
    private final WorkerSpans spans;
    private final int slots;
    private final int polls;
    private final Soon pumpSoon;
    private final Set<ClientCall<?, ?>> open = new HashSet<>();
    private final CompletableFuture<Void> stopped = new CompletableFuture<>();
    private final Backoff backoff = new Backoff();
    private volatile boolean heldBack;
    private int asked;
    private int pausing;
    private volatile boolean stopping;
    private boolean broken;

    /**
     * What the polls are for.
     *
     * @param freeSlots how many more tasks may run
     * @param isBehind true while tasks wait for a thread, so that more slots are about to be free
     */
    record Work(
            IntSupplier freeSlots,
            BooleanSupplier isBehind,
            Consumer<List<Task>> accept,
            Consumer<List<Task>> giveBack) {}

    Poller(Loop loop, Calls calls, PollTaskRequest request, Work work, WorkerSpans spans, int slots, int polls) {
        this.loop = loop;
        this.calls = calls;
        this.request = request;
        this.work = work;
        this.spans = spans;
        this.slots = slots;
        this.polls = polls;
        this.pumpSoon = new Soon(loop, this::pump);
    }

    /** Poll as far as slots are free; called at the start and whenever one has become free. */
    void pump() {
        while (!stopping && open.size() + pausing < polls) {
            int share = share();
            if (share == 0) {
                return;
            }
            ask(share);
        }
    }

    /** No task waits for a thread any more; from any thread. */
    void caughtUp() {
        if (heldBack) {
            pumpSoon.request();
        }
    }

    /** Take no task from now on, not even of the open polls; from any thread. */
    void refuse() {
        stopping = true;
    }

    /** End the open polls; tasks that come in spite of it are given back. Completes when none is open. */
    CompletableFuture<Void> stop() {
        stopping = true;
        List.copyOf(open).forEach(call -> call.cancel("the worker stops", null));
        if (open.isEmpty()) {
            stopped.complete(null);
        }
        return stopped;
    }

    /** True when no poll is open after a stop; for any thread. */
    boolean isStopped() {
        return stopped.isDone();
    }

    /** How many tasks to ask for: a fair part of the slots that are free and not asked for yet. */
    private int share() {
        int free = work.freeSlots().getAsInt() - asked;
        if (free <= 0) {
            return 0;
        }
        if (free < ceilDiv(slots, polls)) {
            heldBack = true; // short handlers are at work: in a moment it is one poll for many tasks, not for one
            if (work.isBehind().getAsBoolean()) {
                return 0;
            }
        }
        heldBack = false;
        return Math.min(ceilDiv(free, Math.max(polls - open.size(), 1)), TASKS_MAX);
    }

    private static int ceilDiv(int number, int divisor) {
        return (number + divisor - 1) / divisor;
    }

    private void ask(int share) {
        asked += share;
        Instant began = spans == null ? null : Instant.now();
        var one = new Object() {
            ClientCall<PollTaskRequest, PollTaskResponse> call;
        };
        one.call = calls.unary(
                WorkerServiceGrpc.getPollTaskMethod(),
                request.toBuilder().setMaxTasks(share).build(),
                TIMEOUT,
                (response, problem) -> {
                    asked -= share;
                    open.remove(one.call);
                    answered(response, problem, began);
                });
        open.add(one.call);
    }

    private void answered(PollTaskResponse response, RequestError problem, Instant began) {
        if (response != null && response.getTasksCount() > 0) {
            if (spans != null) {
                spans.polled(response.getTasksList(), began);
            }
            (stopping ? work.giveBack() : work.accept()).accept(response.getTasksList());
        }
        if (stopping) {
            if (open.isEmpty()) {
                stopped.complete(null);
            }
        } else if (problem == null || problem instanceof DeadlineExceeded) { // one that ran out brought nothing
            recovered();
            pump();
        } else {
            lost(problem);
        }
    }

    private void recovered() {
        backoff.reset();
        if (broken) {
            LOGGER.warn("polling works again ({})", calls.target().address());
        }
        broken = false;
    }

    /** Says it once, not with every try. */
    private void lost(RequestError problem) {
        if (broken) {
            LOGGER.debug("polling failed again: {}", problem.getMessage());
        } else {
            LOGGER.warn("polling failed, trying again until it works: {}", problem.getMessage());
        }
        broken = true;
        pausing++;
        loop.after(backoff.next(problem), () -> {
            pausing--;
            calls.connectAgain();
            pump();
        });
    }
}
