package io.stellwerk.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.stellwerk.ChildFailed;
import io.stellwerk.RetryPolicy;
import io.stellwerk.RunCancelled;
import io.stellwerk.RunFailed;
import io.stellwerk.RunState;
import io.stellwerk.SignalTimeout;
import io.stellwerk.StepFailed;
import io.stellwerk.StepOptions;
import io.stellwerk.TerminalError;
import io.stellwerk.WorkflowFunction;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Workflows in virtual time; each history is replayed after every one of its events. */
@Timeout(60)
class TestEnvironmentTest {
    private final TestEnvironment env = new TestEnvironment();

    /** An order as a class. */
    record Order(String item, int amount) {}

    @AfterEach
    void end() {
        env.close();
    }

    /** Any beginning of a history that ends between two decisions replays without a difference. */
    private static void replayAfterEveryEvent(TestRun run, WorkflowFunction<Object> function) {
        Map<String, Object> history = run.history();
        List<?> events = (List<?>) history.get("events");
        for (int end = 1; end <= events.size(); end++) {
            Map<String, Object> beginning = new LinkedHashMap<>(history);
            beginning.put("events", events.subList(0, end));
            Replay.replay(beginning, function);
        }
    }

    private static List<String> types(TestRun run) {
        List<?> events = (List<?>) run.history().get("events");
        return events.stream()
                .map(event -> (String) ((Map<?, ?>) event).get("type"))
                .toList();
    }

    @Test
    void aCancelReachesCodeWhoseLocalStepIsToBeTriedAgain() {
        var retry = RetryPolicy.builder().initial(Duration.ofHours(1)).build();
        WorkflowFunction<Object> function = (ctx, input) -> ctx.run(
                "flaky",
                () -> {
                    throw new IllegalStateException("not yet");
                },
                StepOptions.builder().retry(retry).build());
        env.workflow("wf", function);
        TestRun run = env.start("wf", null);
        assertEquals(RunState.RUNNING, run.state());
        run.cancel();
        assertEquals(RunState.CANCELLED, run.state());
        replayAfterEveryEvent(run, function);
    }

    @Test
    void timePassesOnlyWhenItIsToldTo() {
        List<String> mails = new ArrayList<>();
        env.handler("mail", mail -> mails.add((String) mail));
        WorkflowFunction<Object> signup = (ctx, input) -> {
            ctx.step("mail", "welcome");
            ctx.wait(Duration.ofHours(1));
            return ctx.step("mail", "follow up");
        };
        env.workflow("signup", signup);
        TestRun run = env.start("signup");
        env.skip(Duration.ofMinutes(59));
        assertEquals(List.of("welcome"), mails);
        env.skip(Duration.ofMinutes(1));
        assertEquals(List.of("welcome", "follow up"), mails);
        assertEquals(true, run.result());
        assertEquals(
                List.of(
                        "RUN_STARTED",
                        "STEP_SCHEDULED",
                        "STEP_SUCCEEDED",
                        "STEP_SLEEPING",
                        "STEP_SUCCEEDED",
                        "STEP_SCHEDULED",
                        "STEP_SUCCEEDED",
                        "RUN_SUCCEEDED"),
                types(run));
        replayAfterEveryEvent(run, signup);
        assertEquals(RunState.SUCCEEDED, Replay.replay(run.history(), signup));
    }

    @Test
    void inputsAndOutputsHaveClasses() {
        env.workflow(
                "order",
                Order.class,
                (ctx, order) -> ctx.step("double", order, Order.class).amount());
        env.handler("double", Order.class, order -> new Order(order.item(), order.amount() * 2));
        assertEquals(6, env.start("order", new Order("tea", 3)).result(Integer.class));
        RunFailed unfit = assertThrows(
                RunFailed.class, () -> env.start("order", "no order").result());
        assertEquals("InputError", unfit.failure().type());
    }

    @Test
    void retriesHappenInVirtualTime() {
        var tries = new AtomicInteger();
        env.handler("flaky", input -> {
            if (tries.incrementAndGet() < 3) {
                throw new IllegalStateException("not yet");
            }
            return tries.get();
        });
        WorkflowFunction<Object> function = (ctx, input) -> {
            Instant before = ctx.now();
            ctx.step("flaky");
            return Duration.between(before, ctx.now()).toSeconds();
        };
        env.workflow("retries", function);
        TestRun run = env.start("retries");
        assertEquals(1, tries.get());
        assertEquals(3, run.result());
        replayAfterEveryEvent(run, function);
    }

    @Test
    void aStepThatFailsForGoodIsThrown() {
        env.handler("charge", card -> {
            throw new TerminalError("no money", "CardDeclined", Map.of("code", 51));
        });
        env.handler("refund", input -> input);
        WorkflowFunction<Object> caught = (ctx, input) -> {
            try {
                return ctx.step("charge", "card");
            } catch (StepFailed failed) {
                return ctx.step("refund", List.of(failed.step(), failed.type(), failed.message(), failed.details()));
            }
        };
        env.workflow("caught", caught);
        env.workflow("thrown", (ctx, input) -> ctx.step("charge", "card"));
        TestRun run = env.start("caught");
        assertEquals(List.of("charge", "CardDeclined", "no money", Map.of("code", 51)), run.result());
        replayAfterEveryEvent(run, caught);
        RunFailed failed =
                assertThrows(RunFailed.class, () -> env.start("thrown").result());
        assertEquals(
                "CardDeclined charge 1",
                failed.failure().type() + " " + failed.failure().step() + " "
                        + failed.failure().attempt());
    }

    @Test
    void signalsComeInTimeOrNot() {
        WorkflowFunction<Object> function = (ctx, input) -> {
            Object first = ctx.waitSignal("approval");
            try {
                return List.of(first, ctx.waitSignal("approval", Duration.ofDays(1)));
            } catch (SignalTimeout late) {
                return List.of(first, late.message());
            }
        };
        env.workflow("approval", function);
        TestRun both = env.start("approval");
        both.signal("approval", 1);
        both.signal("approval", 2);
        assertEquals(List.of(1, 2), both.result());
        TestRun one = env.start("approval");
        one.signal("approval", 1);
        assertEquals(List.of(1, "signal 'approval' did not come within 86400 s"), one.result());
        TestRun none = env.start("approval");
        assertEquals(
                "the run waits for signal 'approval', and no timer is left",
                assertThrows(TestStuck.class, none::result).getMessage());
        List.of(both, one, none).forEach(run -> replayAfterEveryEvent(run, function));
    }

    @Test
    void childrenGiveWhatTheyReturnOrFailWith() {
        env.workflow("double", Integer.class, (ctx, number) -> {
            if (number < 0) {
                throw new TerminalError("negative", "Negative");
            }
            return 2 * number;
        });
        WorkflowFunction<Object> function = (ctx, input) -> {
            int four = ctx.child("double", 2, Integer.class);
            try {
                return ctx.child("double", -1);
            } catch (ChildFailed failed) {
                return four + " " + failed.failure().cause().type();
            }
        };
        env.workflow("parent", function);
        TestRun run = env.start("parent");
        assertEquals("4 Negative", run.result());
        replayAfterEveryEvent(run, function);
    }

    @Test
    void cancellationAtEveryWaitLetsItCleanUp() {
        env.handler("undo", input -> input);
        List<WorkflowFunction<Object>> waits = List.of(
                (ctx, input) -> ctx.step("nobody"),
                (ctx, input) -> ctx.waitSignal("never"),
                (ctx, input) -> ctx.sleepAsync(Duration.ofDays(1)).join(),
                (ctx, input) -> ctx.child("waits", null),
                (ctx, input) -> ctx.select(ctx.waitSignalAsync("a"), ctx.waitSignalAsync("b")),
                (ctx, input) -> ctx.all(List.of(ctx.waitSignalAsync("a"), ctx.waitSignalAsync("b"))),
                (ctx, input) -> CompletableFuture.allOf(ctx.waitSignalAsync("a"), ctx.waitSignalAsync("b"))
                        .join());
        env.workflow("waits", (ctx, input) -> ctx.waitSignal("never"));
        for (WorkflowFunction<Object> wait : waits) {
            WorkflowFunction<Object> function = (ctx, input) -> {
                try {
                    return wait.run(ctx, input);
                } finally {
                    ctx.step("undo", ctx.isCancelled());
                }
            };
            env.workflow("cancelled", function);
            TestRun run = env.start("cancelled");
            run.cancel("no more");
            assertThrows(RunCancelled.class, run::result);
            assertEquals(RunState.CANCELLED, run.state());
            assertTrue(types(run).contains("STEP_CANCELLED"), () -> types(run).toString());
            replayAfterEveryEvent(run, function);
        }
    }

    @Test
    void localStepsAreTriedAgainAndRecorded() {
        var tries = new AtomicInteger();
        WorkflowFunction<Object> function = (ctx, input) -> {
            var slow = ctx.runAsync(
                    "slow",
                    () -> {
                        if (tries.incrementAndGet() == 1) {
                            throw new IllegalStateException("not yet");
                        }
                        return "slow";
                    },
                    StepOptions.builder()
                            .retry(RetryPolicy.builder()
                                    .initial(Duration.ofMinutes(1))
                                    .build())
                            .build());
            Object quick = ctx.run("quick", () -> 1);
            ctx.sleep(Duration.ofSeconds(5));
            return List.of(quick, slow.join());
        };
        env.workflow("locals", function);
        TestRun run = env.start("locals");
        assertEquals(List.of(1, "slow"), run.result());
        replayAfterEveryEvent(run, function);
    }

    @Test
    void whatTheCodeShowsIsThere() {
        env.workflow("shows", (ctx, input) -> {
            ctx.publish("progress", Map.of("done", 1));
            ctx.setAttributes(Map.of("customer", "acme", "vip", true));
            var gone = new LinkedHashMap<String, Object>();
            gone.put("vip", null);
            ctx.setAttributes(gone);
            return ctx.waitSignal("go");
        });
        TestRun run = env.start("shows");
        assertEquals(Map.of("progress", Map.of("done", 1)), run.published());
        assertEquals(Map.of("customer", "acme"), run.attributes());
        assertEquals(RunState.RUNNING, run.state());
    }

    @Test
    void aRunGoesOnAsANewOneWithItsSignals() {
        env.workflow("counts", Integer.class, (ctx, count) -> {
            if (count < 3) {
                ctx.waitSignal("go");
                ctx.continueAsNew(count + 1);
            }
            return count + " " + ctx.waitSignal("go");
        });
        TestRun run = env.start("counts", 1);
        IntStream.range(0, 3).forEach(n -> run.signal("go", n));
        assertEquals("3 2", run.result());
    }

    @Test
    void parallelStepsAndTimeouts() throws Exception {
        env.handler("square", Integer.class, number -> number * number);
        WorkflowFunction<Object> function = (ctx, input) -> {
            List<Object> squares = ctx.all(IntStream.range(0, 50)
                    .mapToObj(n -> ctx.stepAsync("square", n))
                    .toList());
            String late = ctx.waitSignalAsync("never", String.class)
                    .completeOnTimeout("late", 5, java.util.concurrent.TimeUnit.MINUTES)
                    .join();
            return squares.get(49) + late;
        };
        env.workflow("parallel", function);
        TestRun run = env.start("parallel");
        assertEquals("2401late", run.result());
        replayAfterEveryEvent(run, function);
    }

    @Test
    void codeThatDoesSomethingElseIsFound() {
        var calls = new AtomicInteger();
        env.workflow(
                "random",
                (ctx, input) -> ctx.sleepAsync(Duration.ofSeconds(calls.incrementAndGet()))
                        .thenCompose(slept -> ctx.stepAsync("step" + calls.get()))
                        .join());
        env.handler("step1", input -> input);
        TestRun run = env.start("random");
        String found = assertThrows(NonDeterminism.class, run::result).getMessage();
        assertEquals("step 2: recorded step1(null), now step2(null)", found);
    }
}
