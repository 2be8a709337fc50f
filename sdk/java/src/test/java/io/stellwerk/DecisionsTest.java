package io.stellwerk;

import static io.stellwerk.FakeServer.refused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import io.stellwerk.v1.Decision;
import io.stellwerk.v1.Event;
import io.stellwerk.v1.Failure;
import io.stellwerk.v1.Journal;
import io.stellwerk.v1.PollTaskRequest;
import io.stellwerk.v1.Task;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The worker's side of decisions, against a server that hands out what a test offers. */
@Timeout(60)
class DecisionsTest {
    private FakeServer server;
    private Worker worker;

    @BeforeEach
    void begin() throws Exception {
        server = new FakeServer();
        worker = worker(200);
    }

    @AfterEach
    void end() {
        worker.stop();
        worker.close();
        server.close();
    }

    private Worker worker(int cachedRuns) {
        return new Worker(WorkerOptions.builder()
                .address(server.address())
                .build("b1")
                .cachedRuns(cachedRuns)
                .drain(Duration.ofSeconds(1))
                .build());
    }

    /** Its runs stay on its build. */
    private Worker pinning() {
        return new Worker(WorkerOptions.builder()
                .address(server.address())
                .build("b1")
                .pinRuns(true)
                .drain(Duration.ofSeconds(1))
                .build());
    }

    private List<PollTaskRequest> polls(String action) {
        return server.seen("PollTask").stream()
                .map(PollTaskRequest.class::cast)
                .filter(request -> request.getActionsList().contains(action))
                .toList();
    }

    private void run(WorkflowFunction<Object> function) {
        worker.workflow("wf", function);
        worker.run();
    }

    /** A decision of a run whose token names it and how often it was handed out. */
    private static Task decision(String runId, int number, long after, List<Event> events) {
        long sequence = events.isEmpty() ? after : events.get(events.size() - 1).getSequence();
        var journal = Journal.newBuilder()
                .setAfterSequence(after)
                .setSequence(sequence)
                .addAllEvents(events);
        return Task.newBuilder()
                .setToken(ByteString.copyFromUtf8(runId + "/" + number))
                .setRunId(runId)
                .setStep("$decision")
                .setAttempt(1)
                .setWorkflow("wf")
                .setAction("workflow:wf")
                .setJournal(journal)
                .build();
    }

    private List<Decision> decisions(int count) {
        server.until(() -> server.decisions.size() >= count);
        return server.look(() ->
                server.decisions.stream().map(result -> result.getDecision()).toList());
    }

    private static List<String> shown(Decision decision) {
        return Histories.shown(decision.getCommandsList());
    }

    private Failure failure(String token) {
        return server.result(token).getFailure();
    }

    @Test
    void aRunIsDecidedAndKeptForTheNextDecision() {
        run((ctx, input) -> ctx.step("a", 1) + "!");
        var history = Histories.started();
        server.offer(decision("r1", 1, 0, history.events()));
        Decision first = decisions(1).get(0);
        assertEquals(List.of("a(1)"), shown(first));
        assertEquals("b1 1 false", first.getBuild() + " " + first.getSequence() + " " + first.getKeep());
        history.action("a", "a", 1, 1).done("a", "x");
        server.offer(decision("r1", 2, 2, history.after(2)));
        server.until(() -> server.seen("GetHistory").size() == 1); // it has seen 1, not 2: the whole history is read
    }

    @Test
    void aCachedRunIsOnlyToldWhatIsNew() {
        run((ctx, input) -> ctx.step("a", 1) + "!");
        var history = Histories.started();
        server.offer(decision("r1", 1, 0, history.events()));
        decisions(1);
        history.done("a", "x");
        server.offer(decision("r1", 2, 1, history.after(1)));
        assertEquals(
                "\"x!\"",
                decisions(2).get(1).getCommands(0).getSucceed().getOutput().getJson());
        assertTrue(server.seen("GetHistory").isEmpty());
    }

    @Test
    void anEvictedRunIsReplayedFromItsHistory() {
        worker = worker(1);
        run((ctx, input) -> ctx.step("a", ctx.runId()) + "!");
        var history = Histories.started();
        server.offer(decision("r1", 1, 0, history.events()));
        decisions(1);
        server.offer(decision("r2", 1, 0, history.events()));
        decisions(2);
        history.action("a", "a", "r1", 1).done("a", "x");
        server.change(() -> server.histories.put("r1", history.events()));
        server.offer(decision("r1", 2, 2, history.after(2)));
        assertEquals(
                "\"x!\"",
                decisions(3).get(2).getCommands(0).getSucceed().getOutput().getJson());
        assertEquals(1, server.seen("GetHistory").size());
    }

    @Test
    void withoutACacheEveryDecisionIsAReplay() {
        worker = worker(0);
        run((ctx, input) -> ctx.step("a") + "!");
        var history = Histories.started();
        server.offer(decision("r1", 1, 0, history.events()));
        decisions(1);
        server.offer(decision("r2", 1, 0, history.events())); // after it the verdict on the first has come
        decisions(2);
        history.action("a", "a", null, 1).done("a", "x");
        server.change(() -> server.histories.put("r1", history.events()));
        server.offer(decision("r1", 2, 1, history.after(2)));
        assertEquals(List.of("the end"), shown(decisions(3).get(2)));
        assertEquals(1, server.seen("GetHistory").size());
    }

    @Test
    void localStepsAreRecordedBeforeTheCodeGoesOn() {
        run((ctx, input) -> {
            int one = ctx.run("one", () -> 1, Integer.class);
            var other = ctx.stepAsync("other", one);
            return ctx.run("two", () -> one + 1, Integer.class)
                    + other.getNow(0).hashCode();
        });
        server.offer(decision("r1", 1, 0, Histories.started().events()));
        List<Decision> sent = decisions(3);
        assertEquals(List.of("run one"), shown(sent.get(0)));
        assertTrue(sent.get(0).getKeep());
        var all = server.look(() -> server.decisions.stream()
                .flatMap(result -> shown(result.getDecision()).stream())
                .toList());
        assertTrue(all.contains("other(1)") && all.contains("run two"), all::toString);
        server.until(() -> server.decisions.stream()
                .anyMatch(result -> !result.getDecision().getKeep()));
        Decision last = server.look(() -> server.decisions.get(server.decisions.size() - 1))
                .getDecision();
        assertEquals(List.of("the end"), shown(last));
    }

    @Test
    void whileALocalStepTakesItsTimeACancelReachesTheCode() {
        var never = new CountDownLatch(1);
        var interrupted = new CountDownLatch(1);
        run((ctx, input) -> ctx.run("slow", () -> {
            try {
                never.await();
            } catch (InterruptedException stop) {
                interrupted.countDown();
            }
            return null;
        }));
        var history = Histories.started();
        server.offer(decision("r1", 1, 0, history.events()));
        List<Decision> sent = decisions(2);
        assertEquals(
                List.of("0 true 1", "0 true 1"),
                sent.stream().map(DecisionsTest::asks).toList());
        history.add("RUN_CANCEL_REQUESTED", "", Map.of());
        server.change(() -> server.news.addAll(history.after(1)));
        server.until(() -> server.decisions.get(server.decisions.size() - 1).getDecision().getCommandsList().stream()
                .anyMatch(command -> command.hasCancelled()));
        assertTrue(Await.latch(interrupted));
        sent = decisions(3);
        assertFalse(sent.get(sent.size() - 1).getKeep());
        assertEquals(2, sent.get(sent.size() - 1).getSequence());
    }

    private static String asks(Decision decision) {
        return decision.getCommandsCount() + " " + decision.getKeep() + " " + decision.getSequence();
    }

    @Test
    void whileALocalStepTakesItsTimeASignalReachesTheCode() {
        var go = new CountDownLatch(1);
        run((ctx, input) -> {
            var slow = ctx.runAsync("slow", () -> {
                go.await();
                return "done";
            });
            Object said = ctx.waitSignal("said");
            go.countDown();
            return slow.join() + " " + said;
        });
        server.offer(decision("r1", 1, 0, Histories.started().events()));
        assertEquals(List.of("signal said"), shown(decisions(2).get(0)));
        var said = Histories.started().add("STEP_AWAITING", "said", Map.of()).done("said", "go");
        server.change(() -> server.news.addAll(said.after(2)));
        server.until(() -> server.decisions.stream()
                .anyMatch(result -> !result.getDecision().getKeep()));
        Decision last = server.look(() -> server.decisions.get(server.decisions.size() - 1))
                .getDecision();
        assertEquals("\"done go\"", last.getCommands(0).getSucceed().getOutput().getJson());
    }

    @Test
    void aLocalStepIsTriedAgainByItsPolicy() {
        var tries = new java.util.concurrent.atomic.AtomicInteger();
        var soon = StepOptions.builder()
                .retry(RetryPolicy.builder().initial(Duration.ofMillis(1)).build())
                .build();
        run((ctx, input) -> ctx.run(
                "flaky",
                () -> {
                    if (tries.incrementAndGet() < 3) {
                        throw new IllegalStateException("not yet");
                    }
                    return "ok";
                },
                soon));
        server.offer(decision("r1", 1, 0, Histories.started().events()));
        assertEquals(3, decisions(2).get(0).getCommands(0).getLocal().getAttempts());
    }

    @Test
    void aLargeDecisionIsSentInParts() {
        run((ctx, input) -> ctx.all(
                IntStream.range(0, 2_500).mapToObj(n -> ctx.stepAsync("s", n)).toList()));
        server.offer(decision("r1", 1, 0, Histories.started().events()));
        List<Decision> parts = decisions(3);
        assertEquals(
                List.of(1_000, 1_000, 500),
                parts.stream().map(Decision::getCommandsCount).toList());
        assertEquals(
                List.of(true, true, false),
                parts.stream().map(Decision::getKeep).toList());
    }

    @Test
    void aDifferenceFailsTheDecisionForGood() {
        run((ctx, input) -> ctx.step("b"));
        var history = Histories.started().action("a", "a", null, 1);
        server.offer(decision("r1", 1, 0, history.events()));
        Failure failure = failure("r1/1");
        assertEquals("NonDeterminism", failure.getType());
        assertEquals("step 1: recorded a(null), now b(null)", failure.getMessage());
        assertTrue(failure.getTerminal());
    }

    @Test
    void aRefusedDecisionIsATerminalFailureAndALostLeaseNothing() {
        server.verdicts.put(ByteString.copyFromUtf8("r1/1"), new ArrayDeque<>(List.of(refused("TooManyCommands", 9))));
        server.verdicts.put(ByteString.copyFromUtf8("r2/1"), new ArrayDeque<>(List.of(refused("LEASE_LOST", 9))));
        run((ctx, input) -> ctx.step("a"));
        server.offer(decision("r2", 1, 0, Histories.started().events()));
        server.offer(decision("r1", 1, 0, Histories.started().events()));
        Failure failure = failure("r1/1");
        assertEquals("TooManyCommands not that", failure.getType() + " " + failure.getMessage());
        assertTrue(failure.getTerminal());
        assertFalse(server.look(() -> server.results.containsKey(ByteString.copyFromUtf8("r2/1"))));
    }

    @Test
    void aFaultOfTheServerIsNoEndOfTheDecision() {
        server.verdicts.put(ByteString.copyFromUtf8("r1/1"), new ArrayDeque<>(List.of(refused("INTERNAL", 13))));
        run((ctx, input) -> ctx.step("a"));
        server.offer(decision("r1", 1, 0, Histories.started().events()));
        Failure failure = failure("r1/1");
        assertEquals("INTERNAL", failure.getType());
        assertFalse(failure.getTerminal());
    }

    @Test
    void aDecisionThatIsCutOffIsReleased() {
        var never = new CountDownLatch(1);
        var begun = new CountDownLatch(1);
        run((ctx, input) -> ctx.run("slow", () -> {
            begun.countDown();
            never.await();
            return null;
        }));
        server.offer(decision("r1", 1, 0, Histories.started().events()));
        assertTrue(Await.latch(begun));
        server.until(() -> !server.beats().isEmpty());
        worker.stop();
        assertTrue(server.result("r1/1").hasRelease());
    }

    @Test
    void runsArePinnedOnTheWireWhenTheWorkerSaysSo() {
        worker = pinning();
        run((ctx, input) -> null);
        server.offer(decision("r1", 1, 0, Histories.started().events()));
        assertTrue(decisions(1).get(0).getPinRun());
        assertEquals("b1", polls("workflow:wf").get(0).getPinnedBuild());
        server.until(() -> !server.beats().isEmpty());
        assertTrue(server.beats().get(0).getPinRuns());
    }

    @Test
    void handlersArePinnedToNothing() {
        worker = pinning();
        worker.register("a", value -> value);
        run((ctx, input) -> null);
        server.until(() -> !polls("a").isEmpty() && !polls("workflow:wf").isEmpty());
        assertEquals("", polls("a").get(0).getPinnedBuild());
        assertEquals("b1", polls("workflow:wf").get(0).getPinnedBuild());
    }

    @Test
    void withoutPinsNothingIsSaidOfThem() {
        run((ctx, input) -> null);
        server.offer(decision("r1", 1, 0, Histories.started().events()));
        assertFalse(decisions(1).get(0).getPinRun());
        assertEquals("", polls("workflow:wf").get(0).getPinnedBuild());
    }

    @Test
    void theHelloNamesWorkflowsAndPollsAreTheirOwn() {
        worker.register("a", value -> value);
        run((ctx, input) -> null);
        server.until(() -> server.seen("PollTask").stream()
                .map(request -> ((PollTaskRequest) request).getActionsList())
                .toList()
                .containsAll(List.of(List.of("a"), List.of("workflow:wf"))));
        var hello = server.beats().get(0);
        assertEquals(List.of("wf"), hello.getWorkflowsList());
        assertEquals("b1", hello.getBuild());
        assertEquals(List.of("a"), hello.getActionsList());
    }
}
