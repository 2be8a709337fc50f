package io.stellwerk.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.stellwerk.ChildOptions;
import io.stellwerk.ParentClose;
import io.stellwerk.PayloadTooLarge;
import io.stellwerk.RetryPolicy;
import io.stellwerk.RunFailed;
import io.stellwerk.RunState;
import io.stellwerk.StellwerkError;
import io.stellwerk.StepOptions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What becomes of code that does what it must not, and of options that are none. */
@Timeout(60)
class BadCodeTest {
    private final TestEnvironment env = new TestEnvironment();

    @AfterEach
    void end() {
        env.close();
    }

    @Test
    void whatFitsIntoNoMessageThrowsWhereItIsGiven() {
        String large = "x".repeat(16 * 1024 * 1024);
        env.workflow("wf", (ctx, input) -> {
            var refused = assertThrows(PayloadTooLarge.class, () -> ctx.step("a", large));
            assertEquals("input", refused.metadata().get("field"));
            assertThrows(PayloadTooLarge.class, () -> ctx.publish("key", large));
            return large;
        });
        TestRun run = env.start("wf", null);
        assertEquals(
                "PayloadTooLarge",
                assertThrows(RunFailed.class, run::result).failure().type());
    }

    @Test
    void whatIsThrownInCleanupIsTheFailure() {
        env.workflow("cleanup", (ctx, input) -> {
            try {
                return ctx.waitSignal("never");
            } finally {
                throwing();
            }
        });
        TestRun run = env.start("cleanup");
        run.cancel();
        var failed = assertThrows(RunFailed.class, run::result);
        assertEquals(
                "IllegalStateException: the undo failed",
                failed.failure().type() + ": " + failed.failure().message());
        assertEquals(RunState.FAILED, run.state());
    }

    private static void throwing() {
        throw new IllegalStateException("the undo failed");
    }

    @Test
    void aCaughtCancellationIsNoEnd() {
        env.workflow("goes on", (ctx, input) -> {
            try {
                return ctx.waitSignal("never");
            } catch (StellwerkError cancelled) {
                ctx.sleep(Duration.ofSeconds(1));
                return "all the same";
            }
        });
        TestRun run = env.start("goes on");
        run.cancel();
        run.cancel();
        assertEquals("all the same", run.result());
        assertEquals(RunState.SUCCEEDED, run.state());
    }

    @Test
    void openStepsEndWithTheirRun() {
        env.workflow("child", (ctx, input) -> ctx.waitSignal("never"));
        env.workflow("leaves", (ctx, input) -> {
            ctx.stepAsync("nobody", 1);
            ctx.childAsync("child", null);
            ctx.childAsync(
                    "child",
                    null,
                    ChildOptions.builder().parentClose(ParentClose.ABANDON).build());
            ctx.sleep(Duration.ofSeconds(1));
            return "done";
        });
        assertEquals("done", env.start("leaves").result());
    }

    @Test
    void whatCannotBeWrittenFailsTheRun() {
        env.workflow("input", (ctx, input) -> ctx.step("a", List.of(Double.NaN)));
        env.workflow("output", (ctx, input) -> Double.NaN);
        for (String workflow : List.of("input", "output")) {
            var failed = assertThrows(RunFailed.class, () -> env.start(workflow).result());
            assertEquals("EncodeError", failed.failure().type());
        }
    }

    @Test
    void otherThreadsAreRefused() {
        var refused = new AtomicReference<String>();
        env.workflow("threads", (ctx, input) -> {
            CompletableFuture.allOf(ctx.sleepAsync(Duration.ofSeconds(1))).join();
            var thread = new Thread(
                    () -> refused.set(
                            assertThrows(StellwerkError.class, ctx::now).getMessage()),
                    "stranger");
            thread.start();
            thread.join();
            return null;
        });
        assertNull(env.start("threads").result());
        assertEquals("ctx belongs to the workflow's own code, came a call from stranger", refused.get());
    }

    @Test
    void waitingForNothingIsSaid() {
        env.workflow("nothing", (ctx, input) -> new CompletableFuture<>().join());
        assertEquals(
                "WaitsForNothing: the code waits for something that is not ctx's: nothing is open and it has not ended",
                assertThrows(StellwerkError.class, () -> env.start("nothing")).getMessage());
    }

    @Test
    void badOptionsAreNamed() {
        assertBad(
                "maxAttempts: expected a number >= 1, came 0",
                () -> RetryPolicy.builder().maxAttempts(0));
        assertBad(
                "timeout: expected more than 0 seconds, came 0",
                () -> StepOptions.builder().attemptTimeout(Duration.ZERO));
        env.workflow("named", (ctx, input) -> ctx.step("a#2"));
        var failed = assertThrows(RunFailed.class, () -> env.start("named").result());
        assertEquals(
                "name: expected a text without '#', came 'a#2'",
                failed.failure().message());
        assertBad(
                "history: expected what `stellwerk run history --json` writes, came {}",
                () -> Replay.replay(Map.of(), (ctx, input) -> null));
        assertEquals(
                "workflow 'unknown' is not there: env.workflow('unknown', function)",
                assertThrows(StellwerkError.class, () -> env.start("unknown")).getMessage());
    }

    @Test
    void nothingIsLoggedTwice() {
        env.workflow("replays", (ctx, input) -> {
            ctx.sleep(Duration.ofSeconds(1));
            return ctx.isReplaying();
        });
        TestRun run = env.start("replays");
        assertEquals(false, run.result());
        assertFalse(run.history().isEmpty());
    }

    private static void assertBad(String words, org.junit.jupiter.api.function.Executable work) {
        assertEquals(words, assertThrows(IllegalArgumentException.class, work).getMessage());
    }
}
