package io.stellwerk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.stellwerk.v1.Event;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The code of one run, told hand-written histories. */
@Timeout(60)
class ReplayerTest {
    private static final long WAIT_MS = 10_000;

    private final CodeThreads threads = new CodeThreads();
    private final List<Replayer> begun = new ArrayList<>();

    @AfterEach
    void noThreadIsLeftAfterEviction() throws Exception {
        begun.forEach(Replayer::evict);
        long endMs = System.currentTimeMillis() + WAIT_MS;
        while (threads.active() > 0 && System.currentTimeMillis() < endMs) {
            Thread.onSpinWait();
        }
        assertEquals(0, threads.active());
        threads.close();
    }

    private Replayer begin(WorkflowFunction<Object> function) {
        var plan = WorkflowPlan.of("wf", Json.MAPPER.constructType(Object.class), function);
        var replayer = new Replayer(plan, Histories.facts(), threads);
        begun.add(replayer);
        return replayer;
    }

    private List<String> told(Replayer code, List<Event> events) throws Exception {
        code.tell(events);
        return Histories.shown(code.takeCommands());
    }

    private String difference(WorkflowFunction<Object> function, Histories history) {
        Replayer code = begin(function);
        return assertThrows(DecisionFailed.class, () -> code.tell(history.events()))
                .getMessage();
    }

    @Test
    void stepsFollowEachOther() throws Exception {
        Replayer code = begin((ctx, input) -> ctx.step("a", 1) + "-" + ctx.step("b", List.of(2)));
        var history = Histories.started();
        assertEquals(List.of("a(1)"), told(code, history.events()));
        history.action("a", "a", 1, 1).done("a", "x");
        assertEquals(List.of("b([2])"), told(code, history.after(1)));
        history.action("b", "b", 2, 3).done("b", "y");
        assertEquals(List.of("the end"), told(code, history.after(3)));
        assertTrue(code.hasEnded());
    }

    @Test
    void allOfPlainFuturesWaits() throws Exception {
        Replayer code = begin((ctx, input) -> {
            List<CompletableFuture<Object>> calls =
                    IntStream.range(0, 3).mapToObj(n -> ctx.stepAsync("s", n)).toList();
            CompletableFuture.allOf(calls.toArray(CompletableFuture[]::new)).join();
            return calls.stream().map(CompletableFuture::join).toList();
        });
        var history = Histories.started();
        assertEquals(List.of("s(0)", "s(1)", "s(2)"), told(code, history.events()));
        history.done("s#3", "c").done("s", "a");
        assertEquals(List.of(), told(code, history.after(1)));
        history.done("s#2", "b");
        assertEquals(List.of("the end"), told(code, history.after(3)));
    }

    @Test
    void whatIsDerivedOfCallsGivesTheTurnBack() throws Exception {
        Replayer code = begin((ctx, input) -> {
            var both = ctx.stepAsync("a", null, String.class)
                    .thenCombine(ctx.stepAsync("b", null, String.class), (a, b) -> a + b)
                    .thenCompose(text -> ctx.stepAsync("c", text))
                    .thenApplyAsync(text -> text + "!");
            return both.join();
        });
        var history = Histories.started();
        assertEquals(List.of("a(null)", "b(null)"), told(code, history.events()));
        history.done("b", "2").done("a", "1");
        assertEquals(List.of("c(\"12\")"), told(code, history.after(1)));
        history.done("c", "3");
        assertEquals(List.of("the end"), told(code, history.after(3)));
    }

    @Test
    void callbacksOfAPlainFutureMayCallCtx() throws Exception {
        Replayer code = begin((ctx, input) -> {
            var a = ctx.stepAsync("a").thenApply(value -> ctx.step("b", value));
            CompletableFuture.allOf(a).join();
            ctx.publish("done", true);
            return a.join();
        });
        var history = Histories.started();
        assertEquals(List.of("a(null)"), told(code, history.events()));
        history.done("a", 1);
        assertEquals(List.of("b(1)"), told(code, history.after(1)));
        history.done("b", 2);
        assertEquals(List.of("publish done", "the end"), told(code, history.after(2)));
    }

    @Test
    void aReplayGivesNothingNewUntilSomethingNewIsTold() throws Exception {
        WorkflowFunction<Object> function = (ctx, input) -> ctx.step("a", 1) + "-" + ctx.step("b", 2);
        var history = Histories.started().action("a", "a", 1, 1).done("a", "x").action("b", "b", 2, 3);
        assertEquals(List.of(), told(begin(function), history.events()));
        history.done("b", "y");
        assertEquals(List.of("the end"), told(begin(function), history.events()));
    }

    @Test
    void differencesAreNamed() {
        var history = Histories.started().action("charge", "charge", "card", 1);
        assertEquals(
                "step 1: recorded charge(\"card\"), now reserve(\"stock\")",
                difference((ctx, input) -> ctx.step("reserve", "stock"), history));
        assertEquals(
                "step 1: recorded charge(\"card\"), now nothing",
                difference((ctx, input) -> ctx.run("x", () -> 1), history).replace("step 2", "step 1"));
        assertEquals("step 1: recorded charge(\"card\"), now the end", difference((ctx, input) -> "at once", history));
        assertEquals(
                "step 1: recorded charge(\"card\"), now sleep(3600)",
                difference((ctx, input) -> ctx.sleepAsync(Duration.ofHours(1)).join(), history));
        var signal = Histories.started().add("STEP_AWAITING", "ok", Map.of("decision", 1, "signal", "ok"));
        assertEquals(
                "step 1: recorded signal ok, now child invoice({\"a\":1})",
                difference((ctx, input) -> ctx.child("invoice", Map.of("a", 1)), signal));
        var ran = Histories.started().add("STEP_RAN", "x", Map.of("decision", 1), 1);
        assertEquals("step 2: recorded run x, now nothing", difference((ctx, input) -> ctx.waitSignal("s"), ran));
    }

    @Test
    void patchesSplitOldRunsFromNew() throws Exception {
        WorkflowFunction<Object> function = (ctx, input) -> ctx.patched("p") ? ctx.step("new") : ctx.step("old");
        assertEquals(
                List.of("patch p", "new(null)"),
                told(begin(function), Histories.started().events()));
        var before = Histories.started().action("old", "old", null, 1);
        assertEquals(List.of(), told(begin(function), before.events()));
        var after = Histories.started()
                .add("RUN_PATCHED", "", Map.of("decision", 1, "id", "p"))
                .action("new", "new", null, 1);
        assertEquals(List.of(), told(begin(function), after.events()));
    }

    @Test
    void aPatchIsNewOnlyAfterWhatDecisionsHadSeen() throws Exception {
        WorkflowFunction<Object> function = (ctx, input) -> {
            var a = ctx.stepAsync("a");
            if (ctx.patched("p")) {
                ctx.publish("early", 1);
            }
            a.join();
            ctx.run("x", () -> 1);
            return ctx.patched("q") ? ctx.step("new") : ctx.step("old");
        };
        var history = Histories.started()
                .action("a", "a", null, 1)
                .done("a", 1)
                .add("DECISION_COMPLETED", "", Map.of("decision", 3));
        Replayer code = begin(function);
        assertEquals(List.of(), told(code, history.events()));
        code.ran("x", LocalRun.attempt(code.takeLocals().get(0), 1).build());
        assertEquals(List.of("patch q", "new(null)"), Histories.shown(code.takeCommands()));
        history.add("STEP_RAN", "x", Map.of("decision", 4), 1)
                .add("RUN_PATCHED", "", Map.of("decision", 5, "id", "q"))
                .action("new", "new", null, 5);
        assertEquals(List.of(), told(begin(function), history.events()));
    }

    @Test
    void differencesCountLocalStepsButNoCancels() {
        WorkflowFunction<Object> function = (ctx, input) -> {
            ctx.stepAsync("given up").cancel(true);
            ctx.run("x", () -> 1);
            return ctx.step("other");
        };
        var history = Histories.started()
                .action("given up", "given up", null, 1)
                .add("STEP_CANCELLED", "given up", Map.of("decision", 1))
                .add("STEP_RAN", "x", Map.of("decision", 1), 1)
                .action("same", "same", null, 4);
        assertEquals("step 3: recorded same(null), now other(null)", difference(function, history));
    }

    @Test
    void aCancellationIsThrownOnceWhereItWaits() throws Exception {
        Replayer code = begin((ctx, input) -> {
            try {
                ctx.step("book");
            } catch (RunCancelled cancelled) {
                ctx.step("undo", cancelled.getMessage());
                throw cancelled;
            }
            return null;
        });
        var history = Histories.started();
        told(code, history.events());
        history.add("RUN_CANCEL_REQUESTED", "", Map.of("reason", "no"));
        assertEquals(List.of("cancel book", "undo(\"the run was cancelled: no\")"), told(code, history.after(1)));
        history.done("undo", 1);
        assertEquals(List.of("the end"), told(code, history.after(2)));
        assertTrue(code.hasEnded());
    }

    @Test
    void aCancellationReachesPlainFuturesAndSelects() throws Exception {
        Replayer parked = begin((ctx, input) -> {
            CompletableFuture.anyOf(ctx.stepAsync("a"), ctx.stepAsync("b")).join();
            return null;
        });
        Replayer selecting = begin((ctx, input) -> {
            var other = ctx.stepAsync("other");
            try {
                return ctx.select(ctx.stepAsync("a"), ctx.sleepAsync(Duration.ofSeconds(1)));
            } catch (RunCancelled cancelled) {
                return other.join();
            }
        });
        var history = Histories.started();
        told(parked, history.events());
        told(selecting, history.events());
        history.add("RUN_CANCEL_REQUESTED", "", Map.of());
        parked.tell(history.after(1));
        assertTrue(parked.takeCommands().stream().anyMatch(command -> command.hasCancelled()));
        assertEquals(List.of("cancel a", "cancel sleep"), told(selecting, history.after(1)));
        history.done("other", 1);
        assertEquals(List.of("the end"), told(selecting, history.after(2)));
    }

    @Test
    void selectGivesTheFirstAndOthersGoOn() throws Exception {
        Replayer code = begin((ctx, input) -> {
            var a = ctx.stepAsync("a");
            var timer = ctx.sleepAsync(Duration.ofSeconds(5));
            Selected first = ctx.select(a, timer);
            timer.cancel(true);
            return first.index() + ":" + first.value() + ":" + a.join();
        });
        var history = Histories.started();
        assertEquals(List.of("a(null)", "sleep(5)"), told(code, history.events()));
        history.done("a", "x");
        assertEquals(List.of("cancel sleep", "the end"), told(code, history.after(1)));
    }

    @Test
    void failuresAreThrownAndEndTheRunWithWhatTheyAre() throws Exception {
        var seen = new AtomicReference<StepFailed>();
        Replayer code = begin((ctx, input) -> {
            try {
                ctx.step("a");
            } catch (StepFailed failed) {
                seen.set(failed);
            }
            return ctx.child("c", null);
        });
        var history = Histories.started().failed("a", "CardDeclined", "no money");
        told(code, history.events());
        assertEquals(
                "a CardDeclined no money 4",
                seen.get().step() + " " + seen.get().type() + " " + seen.get().message() + " "
                        + seen.get().attempt());
        history.failed("c", "RunFailed", "child run_2 ended as FAILED");
        code.tell(history.after(2));
        var failure = code.takeCommands().get(1 - 1).getFail().getFailure();
        assertEquals("RunFailed c", failure.getType() + " " + failure.getStep());
    }

    @Test
    void timeAndDrawsAreTheRuns() throws Exception {
        var times = new ArrayList<Instant>();
        var draws = new ArrayList<Object>();
        WorkflowFunction<Object> function = (ctx, input) -> {
            draws.add(ctx.random());
            draws.add(ctx.uuid());
            ctx.step("a");
            times.add(ctx.now());
            return draws.add(ctx.random());
        };
        var history = Histories.started().action("a", "a", null, 1).done("a", 1);
        told(begin(function), history.events());
        told(begin(function), history.events());
        assertEquals(draws.subList(0, 3), draws.subList(3, 6));
        assertEquals(List.of(Instant.ofEpochSecond(1_002), Instant.ofEpochSecond(1_002)), times);
        // SHA-256("run_1/2"), as the other languages draw it.
        assertEquals(4, ((java.util.UUID) draws.get(1)).version());
        assertEquals(2, ((java.util.UUID) draws.get(1)).variant());
    }

    @Test
    void localStepsAreCalledLiveAndTakenFromTheRecord() throws Exception {
        WorkflowFunction<Object> function = (ctx, input) -> ctx.run("x", () -> 5, Integer.class) + 1;
        Replayer live = begin(function);
        assertEquals(List.of(), told(live, Histories.started().events()));
        LocalCall call = live.takeLocals().get(0);
        live.ran("x", LocalRun.attempt(call, 1).build());
        assertEquals("6", live.takeCommands().get(0).getSucceed().getOutput().getJson());
        var history = Histories.started().add("STEP_RAN", "x", Map.of("decision", 1), 7);
        Replayer replayed = begin(function);
        replayed.tell(history.events());
        assertEquals(
                "8", replayed.takeCommands().get(0).getSucceed().getOutput().getJson());
        assertTrue(replayed.takeLocals().isEmpty());
    }

    @Test
    void keptStepsAreNotAskedForAgain() throws Exception {
        Replayer code = begin((ctx, input) -> ctx.step("a") + "-" + ctx.step("b"));
        var history = Histories.started().add("STEP_KEPT", "a", Map.of("state", "SUCCEEDED"), "old");
        assertEquals(List.of("b(null)"), told(code, history.events()));
    }

    @Test
    void aThousandParallelSteps() throws Exception {
        Replayer code = begin((ctx, input) -> ctx.all(IntStream.range(0, 1_000)
                        .mapToObj(n -> ctx.stepAsync("s", n))
                        .toList())
                .size());
        var history = Histories.started();
        assertEquals(1_000, told(code, history.events()).size());
        IntStream.range(0, 1_000).forEach(n -> history.done(n == 0 ? "s" : "s#" + (n + 1), n));
        assertEquals(List.of("the end"), told(code, history.after(1)));
    }

    @Test
    void fiveThousandStepsAndTheirReplay() throws Exception {
        WorkflowFunction<Object> function = (ctx, input) -> {
            for (int n = 0; n < 5_000; n++) {
                ctx.step("s", n);
            }
            return null;
        };
        var history = Histories.started();
        for (int n = 0; n < 5_000; n++) {
            String step = n == 0 ? "s" : "s#" + (n + 1);
            history.action(step, "s", n, history.events().size()).done(step, n);
        }
        assertEquals(List.of("the end"), told(begin(function), history.events()));
    }

    @Test
    void badCodeFailsTheDecision() throws Exception {
        var never = new CompletableFuture<>();
        Replayer foreign = begin((ctx, input) -> never.join());
        String nothing = "the code waits for something that is not ctx's: nothing is open and it has not ended";
        assertEquals(
                nothing,
                assertThrows(
                                DecisionFailed.class,
                                () -> foreign.tell(Histories.started().events()))
                        .getMessage());
        Replayer afterRun = begin((ctx, input) -> {
            ctx.run("x", () -> 1);
            return never.join();
        });
        told(afterRun, Histories.started().events());
        var ran = LocalRun.attempt(afterRun.takeLocals().get(0), 1).build();
        assertEquals(
                nothing,
                assertThrows(DecisionFailed.class, () -> afterRun.ran("x", ran)).getMessage());
        never.complete(null);
        Replayer many = begin((ctx, input) -> {
            for (int n = 0; n < 10_500; n++) {
                ctx.stepAsync("s", n);
            }
            return ctx.step("last");
        });
        assertEquals(
                "10501 commands are open, at most 10000 may be: wait for some first",
                assertThrows(
                                DecisionFailed.class,
                                () -> many.tell(Histories.started().events()))
                        .getMessage());
    }

    @Test
    void codeThatBlocksIsGivenUpWithItsPlace() {
        var interrupted = new CountDownLatch(1);
        Replayer code = begin((ctx, input) -> {
            try {
                new CountDownLatch(1).await();
            } catch (InterruptedException stop) {
                interrupted.countDown();
            }
            return null;
        });
        var failed = assertThrows(
                DecisionFailed.class, () -> code.tell(Histories.started().events()));
        assertTrue(
                failed.getMessage().startsWith("the code has not come to a wait for 5 s: io.stellwerk.ReplayerTest"),
                failed::getMessage);
        assertTrue(failed.failure().getStack().contains("CountDownLatch"));
        assertFalse(code.hasEnded());
        try {
            assertTrue(interrupted.await(WAIT_MS, TimeUnit.MILLISECONDS));
        } catch (InterruptedException stop) {
            throw new AssertionError(stop);
        }
    }

    @Test
    void ctxIsForTheCodeOnly() throws Exception {
        var ctxs = new AtomicReference<WorkflowContext>();
        var refused = new AtomicReference<Throwable>();
        Replayer code = begin((ctx, input) -> {
            ctxs.set(ctx);
            var thread =
                    new Thread(() -> refused.set(assertThrows(StellwerkError.class, () -> ctx.step("a"))), "somebody");
            thread.start();
            thread.join();
            return null;
        });
        told(code, Histories.started().events());
        String words = "ctx belongs to the workflow's own code, came a call from ";
        assertEquals(words + "somebody", refused.get().getMessage());
        var late = assertThrows(StellwerkError.class, () -> ctxs.get().step("b"));
        assertEquals(words + "after its end", late.getMessage());
    }

    @Test
    void anEvictedRunIsSilentOnItsWayOut() throws Exception {
        var silent = new CompletableFuture<Boolean>();
        Replayer code = begin((ctx, input) -> {
            try {
                return ctx.step("a");
            } finally {
                silent.complete(ctx.isReplaying());
            }
        });
        told(code, Histories.started().events());
        assertFalse(silent.isDone());
        code.evict();
        assertTrue(silent.get(WAIT_MS, TimeUnit.MILLISECONDS));
    }

    @Test
    void anEvictedRunDoesNothingOnItsWayOut() throws Exception {
        var left = new CountDownLatch(3);
        WorkflowFunction<Object> waiting = (ctx, input) -> {
            try {
                return ctx.step("a");
            } catch (Exception swallowed) {
                return null;
            } finally {
                left.countDown();
                ctx.step("cleanup");
            }
        };
        WorkflowFunction<Object> parked = (ctx, input) -> {
            try {
                return CompletableFuture.allOf(ctx.stepAsync("a"), ctx.stepAsync("b"))
                        .join();
            } catch (CompletionException swallowed) {
                return ctx.step("more");
            } finally {
                left.countDown();
                ctx.publish("cleanup", 1);
            }
        };
        for (WorkflowFunction<Object> function : List.of(waiting, parked, waiting)) {
            Replayer code = begin(function);
            told(code, Histories.started().events());
            code.evict();
            assertEquals(List.of(), code.takeCommands());
        }
        assertTrue(left.await(WAIT_MS, TimeUnit.MILLISECONDS));
        begun.forEach(code -> assertEquals(List.of(), code.takeCommands()));
    }
}
