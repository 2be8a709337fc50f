package io.stellwerk;

import com.google.protobuf.ByteString;
import io.opentelemetry.context.Context;
import io.stellwerk.v1.CompleteTaskResponse;
import io.stellwerk.v1.Failure;
import io.stellwerk.v1.FailureCategory;
import io.stellwerk.v1.TaskResult;
import io.stellwerk.v1.TaskVerdict;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Results on their way to the server: in natural batches, again and again until each has its verdict. Must not lose a
 * result: only a verdict, a lost lease or the end of the worker takes one out. Everything in the loop.
 */
final class Outbox {
    private static final Logger LOGGER = LoggerFactory.getLogger("stellwerk");
    private static final int BATCH_MAX = 200;
    private static final int IN_FLIGHT_MAX = 2;
    /** After this many answers that blame the server, the batch is cut up: one of its items may be the reason. */
    private static final int SUSPECT_AFTER = 5;
    /** How long a result waits that the server could not take just then. */
    private static final long AGAIN_MS = 500;

    private final Loop loop;
    private final Send send;
    private final Settled settled;
    private final WorkerSpans spans;
    private final Soon pumpSoon;
    private final Deque<TaskResult> waiting = new ArrayDeque<>();
    private final Set<ByteString> replaced = new HashSet<>();
    private int sending;
    private boolean closed;
    private volatile int unsettled;

    /** Makes one CompleteTask call. */
    interface Send {
        void send(List<TaskResult> results, Calls.Answer<CompleteTaskResponse> answer);
    }

    /** Is told of each result that has its verdict; {@code problem} is null when it was taken. */
    interface Settled {
        void settled(TaskResult result, TaskVerdict verdict, RequestError problem);
    }

    Outbox(Loop loop, Send send, Settled settled, WorkerSpans spans) {
        this.loop = loop;
        this.send = send;
        this.settled = settled;
        this.spans = spans;
        this.pumpSoon = new Soon(loop, this::pump);
    }

    /** How many results have no verdict yet; for any thread. */
    int unsettled() {
        return unsettled;
    }

    /** Send a result with the next batch. */
    void add(TaskResult result) {
        count(1);
        enqueue(result);
    }

    /** Stop sending; what has no verdict yet goes out again when its lease ends. */
    void close() {
        if (unsettled > 0) {
            LOGGER.warn("{} results could not be delivered; their tasks will run again", unsettled);
        }
        closed = true;
        waiting.clear();
        if (spans != null) {
            spans.close();
        }
    }

    /** Only the loop counts, others look. */
    private void count(int change) {
        int next = unsettled + change;
        unsettled = next;
    }

    private void enqueue(TaskResult result) {
        waiting.add(result);
        if (sending < IN_FLIGHT_MAX) {
            pumpSoon.request(); // later in this turn of the loop, so that what ends in the same turn travels together
        }
    }

    private void pump() {
        while (!closed && !waiting.isEmpty() && sending < IN_FLIGHT_MAX) {
            sending++;
            List<TaskResult> batch = take();
            Context context = spans == null ? null : spans.delivering(batch);
            new Delivery(batch, context, () -> {
                        if (spans != null) {
                            spans.delivered(context);
                        }
                        sending--;
                        pump();
                    })
                    .begin();
        }
    }

    private List<TaskResult> take() {
        List<TaskResult> batch = new ArrayList<>();
        long sizeBytes = 0;
        while (!waiting.isEmpty() && batch.size() < BATCH_MAX) {
            sizeBytes += waiting.peek().getSerializedSize();
            if (!batch.isEmpty() && sizeBytes > Target.BATCH_BYTES_MAX) {
                break;
            }
            batch.add(waiting.poll());
        }
        return batch;
    }

    /** A batch until there is an answer; one the server cannot take is cut in two to find out why. */
    private final class Delivery {
        private final List<TaskResult> batch;
        private final Context context;
        private final Runnable whenDone;
        private final Backoff backoff = new Backoff();
        private int blames;

        Delivery(List<TaskResult> batch, Context context, Runnable whenDone) {
            this.batch = batch;
            this.context = context;
            this.whenDone = whenDone;
        }

        void begin() {
            if (!closed) {
                Spans.within(context, () -> send.send(batch, this::answered));
            }
        }

        private void answered(CompleteTaskResponse response, RequestError problem) {
            if (problem == null) {
                judge(batch, response);
                whenDone.run();
            } else {
                failed(problem);
            }
        }

        private void failed(RequestError problem) {
            blames += Statuses.isServersFault(problem) ? 1 : 0;
            if (!Statuses.blamesContent(problem) && blames < SUSPECT_AFTER) {
                LOGGER.info("results could not be delivered, sending them again: {}", problem.getMessage());
                loop.after(backoff.next(problem), this::begin);
            } else if (batch.size() == 1) {
                refused(batch.get(0), problem);
                whenDone.run();
            } else {
                int half = batch.size() / 2;
                var second = new Delivery(batch.subList(half, batch.size()), context, whenDone);
                new Delivery(batch.subList(0, half), context, second::begin).begin();
            }
        }
    }

    private void judge(List<TaskResult> batch, CompleteTaskResponse response) {
        for (int index = 0; index < batch.size(); index++) {
            TaskResult result = batch.get(index);
            if (index >= response.getVerdictsCount()) {
                enqueue(result);
            } else if (response.getVerdicts(index).hasRefusal()) {
                refused(result, Statuses.of(response.getVerdicts(index).getRefusal()));
            } else {
                settle(result, response.getVerdicts(index), null);
            }
        }
    }

    /** A result the server does not take becomes a failure it can, of a decision by its run; a lost lease is the end. */
    private void refused(TaskResult result, RequestError problem) {
        if (result.hasDecision() && !Statuses.isRetryable(problem)) {
            settle(result, TaskVerdict.getDefaultInstance(), problem);
            return;
        }
        if (Statuses.blamesContent(problem) && !result.hasRelease() && replaced.add(result.getToken())) {
            enqueue(replacement(result, problem));
            return;
        }
        if (Statuses.isRetryable(problem)) {
            LOGGER.info("a result was not taken now, sending it again: {}", problem.getMessage());
            loop.after(Backoff.jittered(AGAIN_MS), () -> enqueue(result));
            return;
        }
        if (problem instanceof LeaseLost) {
            LOGGER.info("a result came too late, its task has gone elsewhere: {}", problem.getMessage());
        } else {
            LOGGER.error("a result was refused and is dropped: {}", problem.getMessage());
        }
        settle(result, TaskVerdict.getDefaultInstance(), problem);
    }

    private void settle(TaskResult result, TaskVerdict verdict, RequestError problem) {
        count(-1);
        replaced.remove(result.getToken());
        settled.settled(result, verdict, problem);
    }

    /** The failure that tells what was wrong with the result. */
    private static TaskResult replacement(TaskResult result, RequestError problem) {
        boolean tooLarge = problem instanceof PayloadTooLarge;
        boolean failed = result.hasFailure();
        String subject =
                failed ? "the failure " + Words.quoted(result.getFailure().getType()) : "the output";
        var failure = Failure.newBuilder()
                .setType(tooLarge ? "PayloadTooLarge" : "EncodeError")
                .setMessage(Failures.clean(subject + " was refused by the server: " + problem.getMessage()))
                .setCategory(tooLarge ? FailureCategory.FAILURE_CATEGORY_LIMIT : FailureCategory.FAILURE_CATEGORY_USER)
                .setTerminal(!failed || result.getFailure().getTerminal());
        return TaskResult.newBuilder()
                .setToken(result.getToken())
                .setFailure(failure)
                .build();
    }
}
