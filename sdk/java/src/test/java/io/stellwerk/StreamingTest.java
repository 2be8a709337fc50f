package io.stellwerk;

import static io.stellwerk.FakeServer.refusing;
import static io.stellwerk.FakeServer.task;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import io.stellwerk.v1.StreamResultRequest;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.SubmissionPublisher;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Chunks: in order, acknowledged, sent again, and never without bound. */
@Timeout(60)
class StreamingTest {
    private FakeServer server;
    private Worker worker;

    @BeforeEach
    void begin() throws Exception {
        server = new FakeServer();
        worker = new Worker(WorkerOptions.builder().address(server.address()).build());
    }

    @AfterEach
    void end() {
        worker.close();
        server.close();
    }

    private String output(ContextHandler<Object> handler) {
        worker.register("noop", handler);
        worker.run();
        server.offer(task("noop", 1, "r1"));
        return server.result("r1").getOutput().getJson();
    }

    private List<StreamResultRequest> chunks() {
        return server.seen("chunk").stream()
                .map(StreamResultRequest.class::cast)
                .toList();
    }

    @Test
    void anIteratorStreamsEachElement() {
        assertEquals(
                "[\"a\",null,\"b\"]",
                output((value, ctx) -> Arrays.asList("a", null, "b").iterator()));
        assertEquals(
                List.of("\"a\"", "null", "\"b\""),
                chunks().stream().map(chunk -> chunk.getChunk().getJson()).toList());
        assertEquals(
                List.of(1L, 2L, 3L),
                chunks().stream().map(chunk -> chunk.getSequence()).toList());
    }

    @Test
    void aStreamOfNothingIsAnEmptyList() {
        assertEquals("[]", output((value, ctx) -> Stream.empty()));
    }

    @Test
    void aPublisherStreamsEachElement() {
        assertEquals("[0,1,2]", output((value, ctx) -> {
            var publisher = new SubmissionPublisher<Object>();
            new Thread(() -> {
                        while (publisher.getNumberOfSubscribers() == 0) {
                            Thread.onSpinWait();
                        }
                        IntStream.range(0, 3).forEach(publisher::submit);
                        publisher.close();
                    })
                    .start();
            return publisher;
        }));
    }

    @Test
    void chunksOfBytesAreJoinedAndMixedOnesRefused() {
        worker.register(
                "bytes", value -> List.of(new byte[] {1}, new byte[] {0}).iterator());
        worker.register("both", value -> List.of(new byte[] {1}, "a").iterator());
        worker.run();
        server.offer(task("bytes", 1, "r1"), task("both", 1, "r2"));
        assertEquals(2, server.result("r1").getOutput().getData().size());
        assertEquals(
                "chunks: expected all JSON or all bytes, came both; return a value instead",
                server.result("r2").getFailure().getMessage());
    }

    @Test
    void ctxStreamKeepsTheOrderOfMoreThanAWindow() {
        assertEquals("\"done\"", output((value, ctx) -> {
            IntStream.range(0, 600).forEach(ctx::stream);
            return "done";
        }));
        List<Long> expected = LongStream.rangeClosed(1, 600).boxed().toList();
        assertEquals(
                expected, chunks().stream().map(chunk -> chunk.getSequence()).toList());
        assertEquals(1, server.seen("StreamResult").size());
    }

    @Test
    void chunksWithoutAcknowledgementAreSentAgain() {
        FakeServer.Act nothing = request -> {};
        server.play("chunk", nothing, nothing, nothing, refusing(Status.Code.UNAVAILABLE));
        String expected = IntStream.range(0, 20).boxed().toList().toString().replace(" ", "");
        assertEquals(expected, output((value, ctx) -> IntStream.range(0, 20).boxed()));
        assertTrue(server.seen("StreamResult").size() >= 2);
        assertEquals(
                20,
                chunks().stream().map(chunk -> chunk.getSequence()).distinct().count());
    }

    @Test
    void aRefusedChunkFailsTheHandler() {
        server.chunkRefusal = FakeServer.refused("PAYLOAD_TOO_LARGE", 3);
        worker.register("noop", value -> Stream.of(1));
        worker.run();
        server.offer(task("noop", 1, "r1"));
        var failure = server.result("r1").getFailure();
        assertEquals("PayloadTooLarge", failure.getType());
        assertTrue(failure.getTerminal());
    }

    @Test
    void aStageMayStreamToo() {
        assertEquals(
                "\"end\"",
                output((value, ctx) -> java.util.concurrent.CompletableFuture.supplyAsync(() -> {
                    ctx.stream("on the way");
                    return "end";
                })));
        assertEquals(1, chunks().size());
    }
}
