package io.stellwerk;

import io.stellwerk.v1.Event;
import io.stellwerk.v1.GetHistoryRequest;
import io.stellwerk.v1.GetHistoryResponse;
import io.stellwerk.v1.RunServiceGrpc;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/** Reads whole histories for runs whose code starts anew; tries again until it works or nobody wants it. In the loop. */
final class HistoryReader {
    private static final int PAGE_SIZE = 2_000;

    private final Loop loop;
    private final Calls calls;

    HistoryReader(Loop loop, Calls calls) {
        this.loop = loop;
        this.calls = calls;
    }

    /** Is told the whole history, or why there is none; one of them is null. */
    interface Reader {
        void read(List<Event> events, RequestError problem);
    }

    /** Read it, for as long as that is wanted. */
    void read(String runId, BooleanSupplier wanted, Reader reader) {
        new Reading(runId, wanted, reader).ask("");
    }

    private final class Reading {
        private final String runId;
        private final BooleanSupplier wanted;
        private final Reader reader;
        private final Backoff backoff = new Backoff();
        private final List<Event> events = new ArrayList<>();

        Reading(String runId, BooleanSupplier wanted, Reader reader) {
            this.runId = runId;
            this.wanted = wanted;
            this.reader = reader;
        }

        void ask(String pageToken) {
            var request = GetHistoryRequest.newBuilder()
                    .setNamespace(calls.target().namespace())
                    .setRunId(runId)
                    .setPageSize(PAGE_SIZE)
                    .setPageToken(pageToken);
            calls.unary(
                    RunServiceGrpc.getGetHistoryMethod(),
                    request.build(),
                    Calls.TIMEOUT,
                    (page, problem) -> answered(pageToken, page, problem));
        }

        private void answered(String pageToken, GetHistoryResponse page, RequestError problem) {
            if (!wanted.getAsBoolean()) {
                return;
            }
            if (problem == null) {
                backoff.reset();
                events.addAll(page.getEventsList());
                if (page.getNextPageToken().isEmpty()) {
                    reader.read(events, null);
                } else {
                    ask(page.getNextPageToken());
                }
            } else if (Statuses.isRetryable(problem)) {
                loop.after(backoff.next(problem), () -> ask(pageToken));
            } else {
                reader.read(null, problem);
            }
        }
    }
}
