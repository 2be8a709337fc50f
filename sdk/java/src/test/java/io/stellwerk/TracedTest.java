package io.stellwerk;

import static io.stellwerk.FakeServer.refusing;
import static io.stellwerk.FakeServer.task;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.grpc.Status;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.stellwerk.v1.StartRunsRequest;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A worker and a client in a program that has set up OpenTelemetry itself. */
@Timeout(60)
class TracedTest {
    private static final String TRACE = "0af7651916cd43dd8448eb211c80319c";

    private final Collected collected = new Collected();
    private FakeServer server;
    private Worker worker;

    @BeforeEach
    void begin() throws Exception {
        GlobalOpenTelemetry.resetForTest();
        GlobalOpenTelemetry.set(collected.telemetry());
        server = new FakeServer();
        worker = new Worker(WorkerOptions.builder().address(server.address()).build());
    }

    @AfterEach
    void end() {
        worker.close();
        server.close();
        GlobalOpenTelemetry.resetForTest();
    }

    private static String current() {
        return Span.current().getSpanContext().getSpanId();
    }

    /** What a handler has given, once the worker has gone and with it all of its spans have ended. */
    private String output(ContextHandler<Object> handler) {
        worker.register("act", handler);
        worker.run();
        server.offer(task("act", 1, "r1").toBuilder()
                .putTrace("traceparent", "00-" + TRACE + "-b7ad6b7169203331-01")
                .build());
        String output = server.result("r1").getOutput().getJson();
        worker.close();
        return output;
    }

    private String processSpan() {
        return collected.one("process act").getSpanId();
    }

    @Test
    void itsSpanIsCurrentInTheHandler() {
        String output = output((value, ctx) -> current());
        assertEquals("\"" + processSpan() + "\"", output);
    }

    @Test
    void itsSpanIsCurrentWhileAnIteratorIsWalked() {
        Iterator<Object> two =
                Stream.<Object>generate(TracedTest::current).limit(2).iterator();
        String output = output((value, ctx) -> two);
        assertEquals("[\"" + processSpan() + "\",\"" + processSpan() + "\"]", output);
    }

    @Test
    void itsSpanIsCurrentWhileAPublisherIsSubscribed() {
        Flow.Publisher<Object> publisher = subscriber -> {
            String span = current();
            subscriber.onSubscribe(new Flow.Subscription() {
                @Override
                public void request(long count) {}

                @Override
                public void cancel() {}
            });
            subscriber.onNext(span);
            subscriber.onComplete();
        };
        String output = output((value, ctx) -> publisher);
        assertEquals("[\"" + processSpan() + "\"]", output);
    }

    @Test
    void itsSpanIsCurrentWhereAStageGivesAStream() {
        String output =
                output((value, ctx) -> CompletableFuture.supplyAsync(() -> "ready", later -> new Thread(later).start())
                        .thenApply(ready -> Stream.generate(TracedTest::current).limit(1)));
        assertEquals("[\"" + processSpan() + "\"]", output);
    }

    @Test
    void whatAHandlerStartsIsBelowItsSpan() {
        var options = ClientOptions.builder().address(server.address()).build();
        try (Client client = new Client(options)) {
            output((value, ctx) -> client.start("wf").join().runId());
        }
        SpanData start = collected.one("start wf");
        assertEquals(processSpan(), start.getParentSpanId());
        var request = (StartRunsRequest) server.seen("StartRuns").get(0);
        assertEquals(
                "00-" + TRACE + "-" + start.getSpanId() + "-01",
                request.getStarts(0).getTraceOrThrow("traceparent"));
        SpanData call = collected.one("stellwerk.v1.RunService/StartRuns");
        assertEquals(start.getSpanId(), call.getParentSpanId());
    }

    @Test
    void resultsThatAreSentAgainHaveOneSpanAndACallSpanEach() {
        server.play("CompleteTask", refusing(Status.Code.UNAVAILABLE));
        output((value, ctx) -> value);
        String complete = collected.one("complete default").getSpanId();
        String call = "stellwerk.v1.WorkerService/CompleteTask";
        assertEquals(
                List.of(complete, complete),
                collected.all(call).stream().map(SpanData::getParentSpanId).toList());
    }

    @Test
    void pollsAndStreamsHaveNoCallSpans() {
        output((value, ctx) -> Stream.of(1));
        List<String> calls =
                collected.names().stream().filter(name -> name.contains("/")).toList();
        assertEquals(List.of("stellwerk.v1.WorkerService/CompleteTask"), calls);
    }
}
