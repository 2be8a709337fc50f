package io.stellwerk;

import static io.stellwerk.FakeServer.task;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import io.stellwerk.v1.CancelledTask;
import io.stellwerk.v1.FailureCategory;
import io.stellwerk.v1.HeartbeatRequest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The line that shows a worker is alive, cancels, and how a worker leaves. */
@Timeout(60)
class LifecycleTest {
    private static final long WAIT_S = 10;

    private final CountDownLatch begun = new CountDownLatch(1);
    private final CountDownLatch go = new CountDownLatch(1);
    private FakeServer server;
    private Worker worker;

    @BeforeEach
    void begin() throws Exception {
        server = new FakeServer();
        worker = worker(Duration.ofSeconds(5));
    }

    @AfterEach
    void end() {
        go.countDown();
        worker.stop();
        worker.close();
        server.close();
    }

    private Worker worker(Duration drain) {
        return new Worker(WorkerOptions.builder()
                .address(server.address())
                .queue("fast")
                .slots(7)
                .drain(drain)
                .build());
    }

    private CompletableFuture<Void> run(ContextHandler<Object> handler) {
        worker.register("noop", handler);
        return worker.run();
    }

    private Object hold(Object value, TaskContext ctx) throws InterruptedException {
        begun.countDown();
        go.await();
        return value;
    }

    private void awaitBegun() throws InterruptedException {
        assertTrue(begun.await(WAIT_S, TimeUnit.SECONDS));
    }

    private void cancel(String runId, String reason) {
        var task = CancelledTask.newBuilder()
                .setToken(ByteString.copyFromUtf8(runId))
                .setReason(reason)
                .build();
        server.change(() -> server.cancels.add(task));
    }

    @Test
    void theFirstBeatIntroducesTheWorkerAndTheLastSaysGoodBye() {
        run((value, ctx) -> value);
        server.until(() -> !server.beats().isEmpty());
        HeartbeatRequest hello = server.beats().get(0);
        assertEquals(worker.workerId(), hello.getWorkerId());
        assertEquals("fast", hello.getQueue());
        assertEquals(List.of("noop"), hello.getActionsList());
        assertEquals(7, hello.getSlots());
        assertTrue(hello.getSdk().startsWith("java "));
        worker.close();
        List<HeartbeatRequest> beats = server.beats();
        assertTrue(beats.get(beats.size() - 1).getLeaving());
    }

    @Test
    void progressTravelsSoon() {
        server.intervalMs = 60_000;
        run((value, ctx) -> {
            ctx.heartbeat(Map.of("done", 3));
            go.await();
            return null;
        });
        server.offer(task("noop", 1, "r1"));
        server.until(() -> server.beats().stream()
                .flatMap(beat -> beat.getHeldList().stream())
                .anyMatch(held -> held.getProgress().getJson().equals("{\"done\":3}")));
    }

    @Test
    void aDrainingServerIsLeftForANewLineThatNamesWhatIsHeld() throws Exception {
        run(this::hold);
        server.offer(task("noop", 1, "r1"));
        awaitBegun();
        server.change(() -> server.draining = true);
        server.until(() -> server.beats().stream()
                        .filter(beat -> beat.getActionsCount() > 0)
                        .count()
                == 2);
        HeartbeatRequest hello = server.beats().stream()
                .filter(beat -> beat.getActionsCount() > 0)
                .skip(1)
                .findFirst()
                .orElseThrow();
        assertEquals("r1", hello.getHeld(0).getToken().toStringUtf8());
    }

    @Test
    void theHeartBeatsWhileHandlersBlock() throws Exception {
        run(this::hold);
        server.offer(task("noop", 1, "r1"));
        awaitBegun();
        server.until(() ->
                server.beats().stream().filter(beat -> beat.getHeldCount() == 1).count() >= 3);
    }

    @Test
    void aCancelInterruptsTheHandler() throws Exception {
        run(this::hold);
        server.offer(task("noop", 1, "r1"));
        awaitBegun();
        cancel("r1", "RUN_CANCELLED");
        var failure = server.result("r1").getFailure();
        assertEquals("TaskCancelled", failure.getType());
        assertEquals("the task was cancelled: RUN_CANCELLED", failure.getMessage());
        assertEquals(FailureCategory.FAILURE_CATEGORY_CANCELLED, failure.getCategory());
    }

    @Test
    void aCancelCancelsAStage() {
        run((value, ctx) -> {
            begun.countDown();
            return new CompletableFuture<>();
        });
        server.offer(task("noop", 1, "r1"));
        server.until(() -> begun.getCount() == 0);
        cancel("r1", "RUN_TERMINATED");
        assertEquals("TaskCancelled", server.result("r1").getFailure().getType());
    }

    @Test
    void aHandlerMayAnswerInSpiteOfItsCancel() throws Exception {
        run((value, ctx) -> {
            try {
                return hold(value, ctx);
            } catch (InterruptedException interrupted) {
                return "cleaned up after " + ctx.cancelReason();
            }
        });
        server.offer(task("noop", 1, "r1"));
        awaitBegun();
        cancel("r1", "STEP_TIMED_OUT");
        assertEquals(
                "\"cleaned up after STEP_TIMED_OUT\"",
                server.result("r1").getOutput().getJson());
    }

    @Test
    void aLostLeaseHasNoResult() throws Exception {
        run((value, ctx) -> value.equals(1) ? hold(value, ctx) : value);
        server.offer(task("noop", 1, "r1"));
        awaitBegun();
        cancel("r1", "LEASE_LOST");
        server.until(() -> server.look(server.cancels::isEmpty));
        server.offer(task("noop", 2, "r2"));
        server.result("r2");
        worker.close();
        assertFalse(server.look(() -> server.results.containsKey(ByteString.copyFromUtf8("r1"))));
    }

    @Test
    void aStopLetsHandlersEndAndTakesNothingNew() throws Exception {
        var ran = new AtomicInteger();
        CompletableFuture<Void> running = run((value, ctx) -> {
            ran.incrementAndGet();
            return hold(value, ctx);
        });
        server.offer(task("noop", "done", "r1"));
        awaitBegun();
        worker.stop();
        server.offer(task("noop", 2, "too late"));
        go.countDown();
        assertEquals("\"done\"", server.result("r1").getOutput().getJson());
        running.get(WAIT_S, TimeUnit.SECONDS);
        assertEquals(1, ran.get());
    }

    @Test
    void handlersThatOutlastTheDrainAreCancelledAndReported() throws Exception {
        worker = worker(Duration.ofMillis(100));
        worker.register("deaf", (value, ctx) -> {
            while (go.getCount() > 0) {
                Thread.onSpinWait();
            }
            return value;
        });
        run(this::hold);
        server.offer(task("noop", 1, "r1"), task("deaf", 1, "r2"));
        awaitBegun();
        server.until(() -> server.look(server.tasks::isEmpty));
        worker.close();
        for (String runId : List.of("r1", "r2")) {
            var failure = server.result(runId).getFailure();
            assertEquals("WorkerStopped", failure.getType());
            assertEquals(FailureCategory.FAILURE_CATEGORY_WORKER_LOST, failure.getCategory());
            assertFalse(failure.getTerminal());
        }
    }

    @Test
    void aSecondStopCutsTheDrainShort() throws Exception {
        worker = worker(Duration.ofMinutes(10));
        CompletableFuture<Void> running = run(this::hold);
        server.offer(task("noop", 1, "r1"));
        awaitBegun();
        worker.stop();
        worker.stop();
        assertEquals("WorkerStopped", server.result("r1").getFailure().getType());
        running.get(WAIT_S, TimeUnit.SECONDS);
    }

    @Test
    void cancellingRunEndsTheWorkerQuickly() throws Exception {
        worker = worker(Duration.ofMinutes(10));
        CompletableFuture<Void> running = run(this::hold);
        server.offer(task("noop", 1, "r1"));
        awaitBegun();
        running.cancel(true);
        assertEquals("WorkerStopped", server.result("r1").getFailure().getType());
    }

    @Test
    void aWorkerMayRunAgain() {
        run((value, ctx) -> value);
        server.offer(task("noop", 1, "r1"));
        server.result("r1");
        worker.close();
        worker.run();
        server.offer(task("noop", 2, "r2"));
        assertEquals("2", server.result("r2").getOutput().getJson());
    }

    /** What a signal does, in a JVM of its own. */
    static final class Program {
        public static void main(String[] arguments) {
            var worker =
                    new Worker(WorkerOptions.builder().address(arguments[0]).build());
            worker.register("noop", value -> value);
            worker.start();
            System.out.println("drained");
        }
    }

    @Test
    void sigtermDrainsAWorkerThatWasStarted() throws Exception {
        Process child = new ProcessBuilder(
                        System.getProperty("java.home") + "/bin/java",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Program.class.getName(),
                        server.address())
                .start();
        try {
            server.offer(task("noop", 21, "r1"));
            assertEquals("21", server.result("r1").getOutput().getJson());
            child.toHandle().destroy(); // the process itself would close its output
            assertTrue(child.waitFor(WAIT_S, TimeUnit.SECONDS));
            assertEquals("drained\n", new String(child.getInputStream().readAllBytes()));
        } finally {
            child.destroyForcibly();
        }
        assertEquals(0, child.exitValue());
        List<HeartbeatRequest> beats = server.beats();
        assertTrue(beats.get(beats.size() - 1).getLeaving());
    }
}
