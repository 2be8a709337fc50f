package io.stellwerk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.stellwerk.v1.Failure;
import io.stellwerk.v1.StartRunRequest;
import io.stellwerk.v1.StartRunResponse;
import io.stellwerk.v1.Task;
import io.stellwerk.v1.TaskResult;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** What spans say, and which are left out. */
class SpansTest {
    private static final String TRACE = "0af7651916cd43dd8448eb211c80319c";
    private static final String PARENT = "b7ad6b7169203331";

    private final Collected collected = new Collected();
    private final Spans spans = new Spans(collected.telemetry(), "space");
    private final WorkerSpans worker = spans.ofWorker("q", "w1");

    private static String traceparent(boolean sampled) {
        return "00-" + TRACE + "-" + PARENT + (sampled ? "-01" : "-00");
    }

    private static Task task(String runId, boolean sampled) {
        return FakeServer.task("act", 1, runId).toBuilder()
                .putTrace("traceparent", traceparent(sampled))
                .build();
    }

    private TaskResult finished(Task task, TaskResult.Builder result) {
        TaskResult done = result.setToken(task.getToken()).build();
        worker.end(task.getToken(), worker.begin(task), done);
        return done;
    }

    private static List<String> linked(SpanData span) {
        return span.getLinks().stream()
                .map(LinkData::getSpanContext)
                .map(SpanContext::getSpanId)
                .toList();
    }

    @Test
    void aStartGoesOnFromTheTraceItIsGiven() {
        var request = StartRunRequest.newBuilder().setWorkflow("wf").setVersion(3);
        var sent = new StartRunRequest[1];
        spans.start(request.putTrace("traceparent", traceparent(true)).build(), (told, context) -> {
                    sent[0] = told;
                    return CompletableFuture.completedFuture(
                            StartRunResponse.newBuilder().setRunId("run_1").build());
                })
                .join();
        SpanData span = collected.one("start wf");
        assertEquals("00-" + TRACE + "-" + span.getSpanId() + "-01", sent[0].getTraceOrThrow("traceparent"));
        assertEquals(PARENT, span.getParentSpanId());
        assertEquals(SpanKind.PRODUCER, span.getKind());
        assertEquals("run_1", Collected.text(span, "stellwerk.run.id"));
        assertEquals("space", Collected.text(span, "stellwerk.namespace"));
    }

    @Test
    void aStartThatFailsSaysWhy() {
        var request = StartRunRequest.newBuilder().setWorkflow("wf").build();
        spans.start(request, (told, context) -> CompletableFuture.failedFuture(new StellwerkError("x".repeat(2_000))));
        SpanData span = collected.one("start wf");
        assertEquals(StatusCode.ERROR, span.getStatus().getStatusCode());
        assertEquals(1_024, span.getStatus().getDescription().length());
        assertEquals("StellwerkError", Collected.text(span, "error.type"));
    }

    @Test
    void aFailedTaskHasAnException() {
        var failure = Failure.newBuilder().setType("Boom").setMessage("no").setStack("at here");
        finished(task("r1", true), TaskResult.newBuilder().setFailure(failure));
        SpanData span = collected.one("process act");
        assertEquals(PARENT, span.getParentSpanId());
        assertEquals("Boom", Collected.text(span, "error.type"));
        assertEquals("exception", span.getEvents().get(0).getName());
        assertEquals("r1/s1/1", Collected.text(span, "messaging.message.id"));
    }

    @Test
    void aTaskWhoseLeaseIsLostHasNoResultToTell() {
        Task task = task("r1", true);
        worker.end(task.getToken(), worker.begin(task), null);
        assertEquals("LeaseLost", Collected.text(collected.one("process act"), "error.type"));
        var result = TaskResult.newBuilder().setToken(task.getToken()).build();
        worker.delivered(worker.delivering(List.of(result)));
        assertEquals(List.of("process act"), collected.names());
    }

    @Test
    void pollsAndDeliveriesAreLinkedToWhatIsSampled() {
        Task seen = task("r1", true);
        Task unseen = task("r2", false);
        worker.polled(List.of(seen, unseen), Instant.now());
        assertEquals(List.of(PARENT), linked(collected.one("poll q")));
        var batch = List.of(finished(seen, TaskResult.newBuilder()), finished(unseen, TaskResult.newBuilder()));
        worker.delivered(worker.delivering(batch));
        SpanData complete = collected.one("complete q");
        assertEquals(List.of(collected.one("process act").getSpanId()), linked(complete));
        assertFalse(complete.getParentSpanContext().isValid());
    }

    @Test
    void nothingIsToldOfWhatIsNotSampled() {
        Task unseen = task("r1", false);
        worker.polled(List.of(unseen), Instant.now());
        Context inside = worker.delivering(List.of(finished(unseen, TaskResult.newBuilder())));
        worker.delivered(inside);
        assertEquals(List.of(), collected.names());
        assertEquals(TRACE, Span.fromContext(inside).getSpanContext().getTraceId());
    }

    @Test
    void aDeliveryWithoutAnswerFailsWithTheWorker() {
        Context inside = worker.delivering(List.of(finished(task("r1", true), TaskResult.newBuilder())));
        worker.close();
        worker.delivered(inside);
        assertEquals(StatusCode.ERROR, collected.one("complete q").getStatus().getStatusCode());
    }

    @Test
    void aPollOfTasksWithoutTraceIsTold() {
        worker.polled(List.of(FakeServer.task("act", 1, "r1")), Instant.now());
        assertTrue(collected.one("poll q").getLinks().isEmpty());
    }

    @Test
    void logsNameTheTraceOfTheTaskElseOfItsSpan() {
        var named = new HeldTask(task("r1", false), null, null, 0);
        assertEquals(TRACE, named.traceId());
        var bare = new HeldTask(FakeServer.task("act", 1, "r2"), null, null, 0);
        assertEquals("", bare.traceId());
        bare.span = worker.begin(bare.task);
        assertEquals(bare.span.context().getTraceId(), bare.traceId());
    }
}
