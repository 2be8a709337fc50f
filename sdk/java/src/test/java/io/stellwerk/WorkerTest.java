package io.stellwerk;

import static io.stellwerk.FakeServer.refused;
import static io.stellwerk.FakeServer.refusing;
import static io.stellwerk.FakeServer.task;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import io.grpc.Status;
import io.stellwerk.v1.CompleteTaskRequest;
import io.stellwerk.v1.FailureCategory;
import io.stellwerk.v1.Payload;
import io.stellwerk.v1.Task;
import java.math.BigInteger;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The worker against a server that cuts polls, refuses results and goes away. */
@Timeout(60)
class WorkerTest {
    private static final long WAIT_S = 10;

    private FakeServer server;
    private Worker worker;

    @BeforeEach
    void begin() throws Exception {
        server = new FakeServer();
        worker = worker(100, 3);
    }

    @AfterEach
    void end() {
        worker.stop();
        worker.close();
        server.close();
    }

    private Worker worker(int slots, int polls) {
        return new Worker(WorkerOptions.builder()
                .address(server.address())
                .slots(slots)
                .polls(polls)
                .drain(Duration.ofSeconds(1))
                .build());
    }

    private void run(String action, Handler<Object> handler) {
        worker.register(action, handler);
        worker.run();
    }

    private String output(String runId) {
        return server.result(runId).getOutput().getJson();
    }

    @Test
    void handlersOfEveryKindAnswer() {
        worker.register("plain", value -> "Processed: " + value);
        worker.register("ctx", (value, ctx) -> ctx.idempotencyKey() + ctx.attempt());
        worker.register("later", value -> CompletableFuture.supplyAsync(() -> value));
        run("big", value -> value);
        BigInteger big = BigInteger.TWO.pow(80);
        server.offer(
                task("plain", "a", "r1"),
                task("ctx", 1, "r2"),
                task("later", List.of(1), "r3"),
                task("big", big, "r4"));
        assertEquals("\"Processed: a\"", output("r1"));
        assertEquals("\"r2/s11\"", output("r2"));
        assertEquals("[1]", output("r3"));
        assertEquals(big.toString(), output("r4"));
    }

    @Test
    void bytesGoInAndOutAsBytes() {
        run("flip", value -> new byte[] {((byte[]) value)[1], ((byte[]) value)[0]});
        var data = Payload.newBuilder().setData(ByteString.copyFrom(new byte[] {0, -1}));
        server.offer(Task.newBuilder(task("flip", null, "r1")).setInput(data).build());
        assertEquals(
                ByteString.copyFrom(new byte[] {-1, 0}),
                server.result("r1").getOutput().getData());
    }

    @Test
    void resultsTravelTogether() {
        worker = worker(500, 1);
        run("noop", value -> value);
        server.offer(
                IntStream.range(0, 450).mapToObj(n -> task("noop", n, "r" + n)).toArray(Task[]::new));
        server.until(() -> server.results.size() == 450);
        List<Integer> sizes = server.seen("CompleteTask").stream()
                .map(request -> ((CompleteTaskRequest) request).getResultsCount())
                .toList();
        assertEquals(450, sizes.stream().mapToInt(size -> size).sum());
        assertTrue(sizes.stream().allMatch(size -> size <= 200), sizes::toString);
        assertTrue(sizes.size() < 100, sizes::toString);
    }

    @Test
    void noMoreTasksAreAskedForThanSlotsAreFree() throws Exception {
        var go = new CountDownLatch(1);
        var full = new CountDownLatch(3);
        var running = new AtomicInteger();
        var most = new AtomicInteger();
        worker = worker(3, 2);
        run("noop", value -> {
            most.accumulateAndGet(running.incrementAndGet(), Math::max);
            full.countDown();
            go.await();
            return running.decrementAndGet();
        });
        server.offer(
                IntStream.range(0, 10).mapToObj(n -> task("noop", n, "r" + n)).toArray(Task[]::new));
        assertTrue(full.await(WAIT_S, TimeUnit.SECONDS));
        assertEquals(7, server.look(server.tasks::size));
        go.countDown();
        server.until(() -> server.results.size() == 10);
        assertEquals(3, most.get());
    }

    @Test
    void blockingHandlersRunSideBySide() {
        var everybody = new CyclicBarrier(20);
        worker = worker(20, 3);
        run("noop", value -> everybody.await(WAIT_S, TimeUnit.SECONDS) >= 0);
        server.offer(
                IntStream.range(0, 20).mapToObj(n -> task("noop", n, "r" + n)).toArray(Task[]::new));
        server.until(() -> server.results.size() == 20);
        assertTrue(server.look(() -> server.results.values().stream().allMatch(result -> result.hasOutput())));
    }

    @ParameterizedTest
    @EnumSource(
            value = Status.Code.class,
            names = {"CANCELLED", "UNAVAILABLE", "INTERNAL", "UNKNOWN", "DEADLINE_EXCEEDED", "UNAUTHENTICATED"})
    void pollingGoesOnAfterAnyStatus(Status.Code code) {
        server.play("PollTask", refusing(code), refusing(code), refusing(code));
        run("noop", value -> value);
        server.offer(task("noop", 1, "r1"));
        assertEquals("1", output("r1"));
    }

    @Test
    void theWorkerFindsARestartedServer() throws Exception {
        run("noop", value -> value);
        server.until(() -> !server.seen("PollTask").isEmpty() && !server.beats().isEmpty());
        server.close();
        server.forgetSeen();
        server.start();
        server.offer(task("noop", 2, "r1"));
        assertEquals("2", output("r1"));
        server.until(() -> !server.beats().isEmpty());
    }

    @Test
    void resultsAreSentAgainUntilTheyAreAcknowledged() {
        server.play(
                "CompleteTask",
                refusing(Status.Code.UNAVAILABLE),
                refusing(Status.Code.CANCELLED),
                refusing(Status.Code.UNAUTHENTICATED));
        run("noop", value -> value);
        server.offer(task("noop", 3, "r1"));
        assertEquals("3", output("r1"));
        assertEquals(4, server.seen("CompleteTask").size());
        assertEquals(1, server.seen("CompleteTask").stream().distinct().count());
    }

    @Test
    void aResultThatIsNotTakenNowIsSentAgainAndALostLeaseIsDropped() {
        server.verdicts.put(
                ByteString.copyFromUtf8("r1"),
                new ArrayDeque<>(List.of(refused("DATABASE_DOWN", 14), refused("DATABASE_DOWN", 14))));
        server.verdicts.put(ByteString.copyFromUtf8("r2"), new ArrayDeque<>(List.of(refused("LEASE_LOST", 9))));
        run("noop", value -> value);
        server.offer(task("noop", 3, "r1"), task("noop", 4, "r2"));
        assertEquals("3", output("r1"));
        assertFalse(server.look(() -> server.results.containsKey(ByteString.copyFromUtf8("r2"))));
    }

    @ParameterizedTest
    @CsvSource({"PAYLOAD_TOO_LARGE,PayloadTooLarge", "BAD_JSON,EncodeError"})
    void aRefusedOutputBecomesATerminalFailure(String reason, String expected) {
        server.verdicts.put(ByteString.copyFromUtf8("r1"), new ArrayDeque<>(List.of(refused(reason, 3))));
        run("noop", value -> value);
        server.offer(task("noop", 1, "r1"));
        var failure = server.result("r1").getFailure();
        assertEquals(expected, failure.getType());
        assertTrue(failure.getTerminal());
        assertTrue(failure.getMessage().contains("not that"));
    }

    @Test
    void aBatchTheServerCannotTakeIsCutUp() {
        FakeServer.Act all = request -> {
            boolean bad = ((CompleteTaskRequest) request)
                    .getResultsList().stream()
                            .anyMatch(result -> result.getOutput().getJson().equals("3"));
            if (bad) {
                throw FakeServer.refusal(Status.Code.INVALID_ARGUMENT);
            }
        };
        FakeServer.Act[] script = new FakeServer.Act[20];
        Arrays.fill(script, all);
        server.play("CompleteTask", script);
        run("noop", value -> value);
        server.offer(
                IntStream.range(0, 8).mapToObj(n -> task("noop", n, "r" + n)).toArray(Task[]::new));
        server.until(() -> server.results.size() == 8);
        assertEquals("EncodeError", server.result("r3").getFailure().getType());
        assertEquals("7", output("r7"));
    }

    @Test
    void aHandlerThatThrowsIsAFailureWithStackAndCause() {
        run("noop", value -> {
            throw new IllegalStateException("outer \ud800", new Exception("inner"));
        });
        server.offer(task("noop", 1, "r1"));
        var failure = server.result("r1").getFailure();
        assertEquals("IllegalStateException", failure.getType());
        assertEquals("outer ?", failure.getMessage());
        assertFalse(failure.getTerminal());
        assertEquals(FailureCategory.FAILURE_CATEGORY_USER, failure.getCategory());
        assertEquals("inner", failure.getCause().getMessage());
        assertTrue(failure.getStack().contains("WorkerTest"));
        assertFalse(failure.getStack().contains("Runner"), failure::getStack);
    }

    @Test
    void terminalAndRetryableErrors() {
        worker.register("declined", value -> {
            throw new TerminalError("no money", "CardDeclined", Map.of("code", 51));
        });
        worker.register(
                "later", value -> CompletableFuture.failedFuture(new RetryableError("busy", Duration.ofMillis(1500))));
        worker.run();
        server.offer(task("declined", 1, "r1"), task("later", 1, "r2"));
        var first = server.result("r1").getFailure();
        var second = server.result("r2").getFailure();
        assertEquals("CardDeclined", first.getType());
        assertTrue(first.getTerminal());
        assertEquals("{\"code\":51}", first.getDetails().getJson());
        assertEquals("RetryableError", second.getType());
        assertEquals(1, second.getRetryAfter().getSeconds());
        assertEquals(500_000_000, second.getRetryAfter().getNanos());
    }

    @Test
    void evenErrorsOfTheJvmDoNotEndTheWorker() {
        worker.register("deep", value -> {
            throw new StackOverflowError();
        });
        run("noop", value -> value);
        server.offer(task("deep", 1, "r1"), task("noop", 1, "r2"), task("other", 1, "r3"));
        assertEquals("StackOverflowError", server.result("r1").getFailure().getType());
        assertEquals("1", output("r2"));
        assertTrue(server.result("r3").hasRelease());
    }

    @Test
    void aRunningWorkerTakesNoMoreHandlers() {
        run("noop", value -> value);
        assertThrows(StellwerkError.class, () -> worker.register("late", value -> value));
        var again = assertThrows(StellwerkError.class, worker::start);
        assertEquals("the worker runs already", again.getMessage());
    }

    @Test
    void mistakesAreNamed() {
        var none = assertThrows(StellwerkError.class, worker::start);
        assertEquals("handlers: expected at least one (worker.register), came none", none.getMessage());
        worker.register("a", value -> value);
        var second = assertThrows(IllegalArgumentException.class, () -> worker.register("a", value -> value));
        assertEquals("handler of 'a': expected one, came a second", second.getMessage());
        var slots = WorkerOptions.builder().slots(0);
        assertEquals(
                "slots: expected a number >= 1, came 0",
                assertThrows(IllegalArgumentException.class, slots::build).getMessage());
        var drain = WorkerOptions.builder().drain(Duration.ofSeconds(-1));
        assertEquals(
                "drain: expected a number >= 0, came -1",
                assertThrows(IllegalArgumentException.class, drain::build).getMessage());
        assertEquals(List.of("a"), worker.actions());
    }
}
