package io.stellwerk;

import static io.stellwerk.FakeServer.info;
import static io.stellwerk.FakeServer.refused;
import static io.stellwerk.FakeServer.refusing;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.BadRequest;
import io.grpc.Metadata;
import io.grpc.Status;
import io.stellwerk.v1.AwaitRunsRequest;
import io.stellwerk.v1.StartRunsRequest;
import io.stellwerk.v1.TerminateRunRequest;
import io.stellwerk.v1.WatchRunRequest;
import io.stellwerk.v1.WatchRunResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The client against a server that refuses, cuts, restarts and answers late. */
@Timeout(60)
class ClientTest {
    private FakeServer server;
    private Client client;

    @BeforeEach
    void begin() throws Exception {
        server = new FakeServer();
        client = new Client(ClientOptions.builder()
                .address(server.address())
                .token("secret")
                .build());
    }

    @AfterEach
    void end() {
        client.close();
        server.close();
    }

    private static <E extends Throwable> E failure(Class<E> type, CompletableFuture<?> future) {
        return assertInstanceOf(
                type, assertThrows(CompletionException.class, future::join).getCause());
    }

    private List<StartRunsRequest> starts() {
        return server.seen("StartRuns").stream()
                .map(StartRunsRequest.class::cast)
                .toList();
    }

    record Receipt(int n) {}

    @Test
    void runGivesTheOutputOfTheRun() {
        server.endAtOnce = true;
        assertEquals(
                Map.of("n", 1, "x", 1.5),
                client.run("wf", Map.of("n", 1, "x", 1.5)).join());
        assertEquals(
                new Receipt(4), client.run("wf", Map.of("n", 4), Receipt.class).join());
        failure(InputError.class, client.run("wf", Map.of("n", "four"), Receipt.class));
    }

    @Test
    void aLoneStartGoesAtOnceAndCarriesItsOptions() {
        var options = StartOptions.builder()
                .idempotencyKey("k")
                .timeout(Duration.ofMinutes(2))
                .version(3)
                .trace(Map.of("traceparent", "t"))
                .build();
        RunHandle handle = client.start("wf", new byte[] {1}, options).join();
        var start = starts().get(0).getStarts(0);
        assertEquals("run_" + start.getRequestId(), handle.runId());
        assertEquals("k", start.getIdempotencyKey());
        assertEquals(120, start.getTimeout().getSeconds());
        assertEquals(3, start.getVersion());
        assertEquals(Map.of("traceparent", "t"), start.getTraceMap());
        assertEquals(1, start.getInput().getData().size());
    }

    @Test
    void concurrentStartsTravelTogether() {
        var hold = new CountDownLatch(1);
        FakeServer.Act wait = request -> {
            try {
                hold.await();
            } catch (InterruptedException interrupted) {
                throw new AssertionError(interrupted);
            }
        };
        server.play("StartRuns", wait, wait);
        CompletableFuture<RunHandle> first = client.start("wf", 0);
        server.until(() -> starts().size() == 1);
        CompletableFuture<RunHandle> second = client.start("wf", 1);
        server.until(() -> starts().size() == 2);
        List<CompletableFuture<RunHandle>> rest =
                IntStream.range(0, 2_500).mapToObj(n -> client.start("wf", n)).toList();
        hold.countDown();
        rest.forEach(CompletableFuture::join);
        first.join();
        second.join();
        List<Integer> sizes =
                starts().stream().map(StartRunsRequest::getStartsCount).toList();
        assertEquals(2_502, sizes.stream().mapToInt(size -> size).sum());
        assertEquals(5, sizes.size(), sizes::toString);
    }

    @Test
    void batchesAreBoundedByBytes() {
        List<CompletableFuture<RunHandle>> starts = IntStream.range(0, 10)
                .mapToObj(n -> client.start("wf", "x".repeat(1_000_000)))
                .toList();
        starts.forEach(CompletableFuture::join);
        assertTrue(starts().stream().allMatch(batch -> batch.getSerializedSize() < 4 * 1024 * 1024 + 1000));
    }

    @Test
    void aStartIsSentAgainWithTheSameRequestId() {
        server.play(
                "StartRuns",
                refusing(Status.Code.UNAVAILABLE),
                refusing(Status.Code.ABORTED),
                refusing(Status.Code.RESOURCE_EXHAUSTED, info("RATE")));
        client.start("wf", 1).join();
        assertEquals(4, starts().size());
        assertEquals(
                1,
                starts().stream()
                        .map(batch -> batch.getStarts(0).getRequestId())
                        .distinct()
                        .count());
    }

    @Test
    void aRefusedItemFailsAloneAndABusyOneIsSentAgain() {
        server.startRefusals.add(refused("IDEMPOTENCY_KEY_REUSED", 9));
        var reused = failure(IdempotencyKeyReused.class, client.start("wf", 1));
        assertEquals("not that [IDEMPOTENCY_KEY_REUSED]", reused.getMessage());
        server.startRefusals.add(refused("SYSTEM_OVERLOADED", 8));
        client.start("wf", 2).join();
    }

    @Test
    void retryingEndsWithTheBudgetAndNamesTheAddress() {
        var options = ClientOptions.builder().address("127.0.0.1:1").retry(Duration.ofMillis(300));
        try (Client lost = new Client(options.build())) {
            String words = "no Stellwerk server answers at 127.0.0.1:1 (TLS off): ";
            assertTrue(failure(Unavailable.class, lost.start("wf", 1)).text().startsWith(words));
            assertTrue(failure(Unavailable.class, lost.server()).text().startsWith(words));
        }
    }

    @Test
    void resultsSurviveARestartOfTheServer() throws Exception {
        RunHandle handle = client.handle("run_1");
        List<CompletableFuture<Object>> waiting =
                IntStream.range(0, 3).mapToObj(n -> handle.result()).toList();
        server.until(() -> !server.seen("ids").isEmpty());
        server.close();
        server.start();
        server.until(() -> server.seen("ids").size() == 2);
        server.end("run_1", io.stellwerk.v1.RunState.RUN_STATE_SUCCEEDED, "done");
        waiting.forEach(result -> assertEquals("done", result.join()));
    }

    @Test
    void manyWaitingCallersShareOneStream() {
        server.endAtOnce = true;
        List<CompletableFuture<Object>> runs =
                IntStream.range(0, 1_500).mapToObj(n -> client.run("wf", n)).toList();
        for (int n = 0; n < runs.size(); n++) {
            assertEquals(n, runs.get(n).join());
        }
        assertEquals(1, server.seen("AwaitRuns").size());
        int asked = server.seen("ids").stream()
                .mapToInt(message -> ((AwaitRunsRequest) message).getRunIdsCount())
                .sum();
        assertEquals(1_500, asked);
    }

    @Test
    void aCallerMayBlockInWhatItHangsOnAFuture() {
        server.endAtOnce = true;
        var output = client.start("wf", 1).thenApply(handle -> handle.result().join());
        assertEquals(1, output.join());
    }

    @Test
    void aTimeoutEndsTheWaitAndNotTheStream() {
        RunHandle handle = client.handle("run_slow");
        failure(TimeoutException.class, handle.result(Duration.ofMillis(50)));
        server.end("run_slow", io.stellwerk.v1.RunState.RUN_STATE_SUCCEEDED, 2);
        assertEquals(2, handle.result(Integer.class).join());
    }

    @ParameterizedTest
    @CsvSource({"FAILED,RunFailed", "CANCELLED,RunCancelled", "TERMINATED,RunTerminated", "TIMED_OUT,RunTimedOut"})
    void aRunThatDidNotSucceedThrows(RunState state, String expected) {
        server.end("run_bad", Wire.runState(state), null);
        var error = failure(RunFailed.class, client.handle("run_bad").result());
        assertEquals(expected, error.getClass().getSimpleName());
        assertEquals("run run_bad ended as " + state, error.getMessage());
    }

    @Test
    void unknownRunsAndFinalErrorsReachTheCallers() {
        failure(NotFound.class, client.handle("unknown_1").result());
        try (Client other =
                new Client(ClientOptions.builder().address(server.address()).build())) {
            server.play("AwaitRuns", refusing(Status.Code.UNAUTHENTICATED));
            failure(Unauthenticated.class, other.handle("run_1").result());
        }
    }

    @Test
    void closingTheClientWakesThoseWhoWait() {
        CompletableFuture<Object> waiting = client.handle("run_1").result();
        server.until(() -> !server.seen("ids").isEmpty());
        client.close();
        assertTrue(failure(StellwerkError.class, waiting).getMessage().contains("closed"));
        assertEquals(
                "the client is closed",
                failure(StellwerkError.class, client.server()).getMessage());
    }

    @Test
    void errorsCarryReasonAndEveryField() {
        var bad = BadRequest.newBuilder()
                .addFieldViolations(BadRequest.FieldViolation.newBuilder()
                        .setField("steps[0].id")
                        .setDescription("missing"));
        server.play("StartRuns", refusing(Status.Code.INVALID_ARGUMENT, info("INVALID"), bad.build()));
        var error = failure(InvalidArgument.class, client.start("wf", 1));
        assertEquals("INVALID", error.reason());
        assertEquals(List.of(new FieldProblem("steps[0].id", "missing")), error.fields());
        assertEquals("no [INVALID]\n  steps[0].id: missing", error.getMessage());
    }

    @Test
    void unaryCallsAreSentAgain() {
        server.play("TerminateRun", refusing(Status.Code.UNAVAILABLE), refusing(Status.Code.DEADLINE_EXCEEDED));
        assertEquals(
                RunState.TERMINATED, client.handle("run_1").terminate("enough").join());
        assertEquals(
                1,
                server.seen("TerminateRun").stream()
                        .map(request -> ((TerminateRunRequest) request).getRequestId())
                        .distinct()
                        .count());
        server.play("CancelRun", refusing(Status.Code.FAILED_PRECONDITION, info("RUN_TERMINAL")));
        failure(RunTerminal.class, client.handle("run_1").cancel("why not"));
    }

    @Test
    void whatCannotTravelIsRefusedBeforeItIsSent() {
        failure(EncodeError.class, client.start("wf", Map.of("a", Double.NaN)));
        failure(PayloadTooLarge.class, client.start("wf", "x".repeat(16_000_000)));
        var timeout = assertThrows(
                IllegalArgumentException.class, () -> StartOptions.builder().timeout(Duration.ZERO));
        assertTrue(timeout.getMessage().startsWith("timeout: "));
        assertTrue(starts().isEmpty());
    }

    private static WatchRunResponse watched(int... numbers) {
        var response = WatchRunResponse.newBuilder();
        for (int number : numbers) {
            response.addEvents(io.stellwerk.v1.Event.newBuilder()
                    .setSequence(number)
                    .setType("X")
                    .setAttributes("{\"a\":1}"));
            response.addChunks(io.stellwerk.v1.Chunk.newBuilder()
                    .setStep("s")
                    .setAttempt(1)
                    .setSequence(number)
                    .setPayload(Payloads.encode(number)));
        }
        return response.build();
    }

    @Test
    void watchGoesOnWhereItBrokeAndGivesNothingTwice() {
        server.watches.add(List.of(watched(1, 2)));
        server.watches.add(List.of(watched(2, 3)));
        server.play("WatchRun", refusing(Status.Code.UNAVAILABLE));
        try (Watch watch = client.handle("run_1").watch()) {
            List<WatchItem> items = watch.stream().toList();
            assertEquals(
                    List.of(1L, 2L, 3L),
                    items.stream()
                            .filter(Event.class::isInstance)
                            .map(item -> ((Event) item).sequence())
                            .toList());
            assertEquals(
                    List.of(1, 2, 3),
                    items.stream()
                            .filter(Chunk.class::isInstance)
                            .map(item -> ((Chunk) item).value())
                            .toList());
        }
        List<Long> after = server.seen("WatchRun").stream()
                .map(request -> ((WatchRunRequest) request).getAfterSequence())
                .toList();
        assertEquals(List.of(0L, 2L), after);
    }

    @Test
    void readingCallsGivePlainValues() {
        Run run = client.handle("run_1").get(true).join();
        assertEquals(RunState.FAILED, run.state());
        assertTrue(run.state().terminal());
        assertEquals(StepState.DEAD, run.steps().get(0).state());
        assertEquals(Instant.ofEpochSecond(1_000_000_000), run.createTime());
        assertEquals(
                "RUN_STARTED", client.handle("run_1").history().toList().get(0).type());
        assertEquals("9", client.server().join().version());
        assertEquals(3, client.workers().join().get(0).slots());
        assertEquals("run_fork", client.handle("run_1").retry("s1").join().runId());
        assertEquals(6, client.listRuns("wf").toList().size());
        assertEquals(
                3,
                client.listRuns(RunFilter.all().states(RunState.FAILED).limit(3))
                        .toList()
                        .size());
    }

    @Test
    void anExplanationHasTypedCauses() {
        Explanation found = client.handle("run_1").explain().join();
        assertEquals("run_1", found.runId());
        assertEquals(RunState.RUNNING, found.state());
        assertEquals("it backs off", found.summary());
        assertEquals(4, found.moreCauses());
        assertNull(found.deadline());
        Cause again = found.causes().get(0);
        assertEquals(CauseKind.BACKING_OFF, again.kind());
        assertEquals("s1", again.step());
        assertEquals(Instant.ofEpochSecond(1_000_000_000), again.dueTime());
        assertEquals("Boom", again.failure().type());
        assertEquals(RunState.BLOCKED, found.causes().get(1).childState());
        assertNull(found.causes().get(1).failure());
        assertEquals(CauseKind.UNSPECIFIED, found.causes().get(2).kind());
    }

    @Test
    void signalsTravelWithTheStartAndAlone() {
        client.start(
                        "wf",
                        1,
                        StartOptions.builder()
                                .signal(new Signal("approval", Map.of("by", "ann")))
                                .build())
                .join();
        var told = starts().get(0).getStarts(0).getSignal();
        assertEquals("approval", told.getName());
        assertEquals("{\"by\":\"ann\"}", told.getPayload().getJson());
        assertEquals(
                true,
                client.handle("run_1")
                        .signal(new Signal("approval", null, "s1"))
                        .join());
        assertEquals(
                "run_1",
                client.signal("wf", "k", new Signal("approval", 2)).join().runId());
        failure(EncodeError.class, client.handle("run_1").signal("approval", Double.NaN));
    }

    @Test
    void everyCallCarriesTokenAndClientName() {
        client.server().join();
        assertEquals("Bearer secret", header("authorization"));
        assertEquals("stellwerk-java", header("x-client-name"));
        assertEquals("0.1.0", header("x-client-version"));
    }

    private String header(String name) {
        return server.metadata.get(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER));
    }

    @ParameterizedTest
    @ValueSource(strings = {"http://x:1", "host:port", ":7400", "host:70000", "a b:1"})
    void aBadAddressIsNamed(String address) {
        var options = ClientOptions.builder().address(address);
        String words =
                assertThrows(IllegalArgumentException.class, options::build).getMessage();
        assertEquals("address: expected host:port (STELLWERK_ADDRESS), came '" + address + "'", words);
    }

    @Test
    void tlsIsOnOffLoopback() {
        assertEquals(null, Target.of("localhost:1", null, null, null, null).tls());
        assertEquals(
                Tls.system(), Target.of("example.com:1", null, null, null, null).tls());
        assertEquals(null, Target.of("example.com:1", null, null, null, false).tls());
        assertEquals(
                "example.com:7400",
                Target.of("example.com", null, null, null, null).address());
    }
}
