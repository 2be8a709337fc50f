package io.stellwerk.histories;

import io.stellwerk.ChildFailed;
import io.stellwerk.ChildOptions;
import io.stellwerk.RetryPolicy;
import io.stellwerk.RetryableError;
import io.stellwerk.RunCancelled;
import io.stellwerk.SignalTimeout;
import io.stellwerk.StepFailed;
import io.stellwerk.StepOptions;
import io.stellwerk.TerminalError;
import io.stellwerk.WorkflowContext;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The workflows' code. Must go on replaying every file of tests/histories: what changes here is what a user may change in
 * code that runs.
 */
final class Coded {
    private static final int LOST_TRIES = 2;
    private static final Duration SOON = Duration.ofMillis(20);

    private Coded() {}

    record Order(String card, List<String> items) {}

    /** Steps in a row and in parallel; the names of the notes hold what a replay has to draw again. */
    static Object order(WorkflowContext ctx, Order order) {
        var policy = RetryPolicy.builder().maxAttempts(3).initial(SOON).build();
        Object paid = ctx.step(
                "charge", order.card(), StepOptions.builder().retry(policy).build());
        List<Object> shipped = ctx.all(
                order.items().stream().map(item -> ctx.stepAsync("ship", item)).toList());
        ctx.step("note", shipped, named("drawn-" + (int) (ctx.random() * 1_000_000)));
        var bounded = StepOptions.builder()
                .name("gift-" + ctx.uuid())
                .priority(5)
                .attemptTimeout(Duration.ofSeconds(30))
                .totalTimeout(Duration.ofSeconds(60));
        ctx.step("note", null, bounded.build());
        ctx.step("note", null, named("at-" + ctx.now().toEpochMilli()));
        return List.of(paid, shipped);
    }

    /** The order as nobody may change it while it runs. */
    static Object changed(WorkflowContext ctx, Order order) {
        Object paid = ctx.step("charge", order.card());
        return List.of(
                paid,
                ctx.all(order.items().stream()
                        .map(item -> ctx.stepAsync("reserve", item))
                        .toList()));
    }

    /** Timers, and signals that are there, that come, and that do not. */
    static Object waiting(WorkflowContext ctx, String name) {
        Object early = ctx.waitSignal("early");
        ctx.all(List.of(
                ctx.sleepAsync(Duration.ofMillis(200)),
                ctx.sleepAsync(Duration.ZERO),
                ctx.sleepAsync(Duration.ofMillis(100))));
        ctx.publish("stage", "waiting");
        Object approval = ctx.waitSignal("approval", Duration.ofHours(1));
        try {
            ctx.waitSignal("never", Duration.ofMillis(100));
        } catch (SignalTimeout timeout) {
            ctx.step("note", null, named("without-" + timeout.step()));
        }
        return List.of(name, early, approval);
    }

    /** Steps that run here: beside a task, tried again, and given up. */
    static Object local(WorkflowContext ctx, Long number) {
        Object token = ctx.run("token", () -> number + 1);
        var soon = RetryPolicy.builder().initial(SOON);
        var flaky = ctx.runAsync("flaky", failing(LOST_TRIES, 7), retried(soon));
        List<Object> both = ctx.all(List.of(flaky, ctx.stepAsync("note", token)));
        try {
            ctx.run("hopeless", failing(LOST_TRIES, 0), retried(soon.maxAttempts(LOST_TRIES)));
        } catch (StepFailed failed) {
            ctx.step("note", null, named("given-up-" + failed.attempt()));
        }
        try {
            ctx.run("refused", Coded::refuse);
        } catch (StepFailed failed) {
            String at = "-at-" + ctx.now().toEpochMilli();
            ctx.step("note", null, named("refused-" + failed.type() + at));
        }
        return List.of(token, both.get(0));
    }

    /** Runs that this one starts, and one of them fails. */
    static Object family(WorkflowContext ctx, Long number) {
        var second = ChildOptions.builder().name("second").build();
        List<Object> halves =
                ctx.all(List.of(ctx.childAsync("half", number), ctx.childAsync("half", number + 2, second)));
        var twice = RetryPolicy.builder().maxAttempts(2).initial(SOON).build();
        try {
            ctx.child("broken", number, ChildOptions.builder().retry(twice).build());
        } catch (ChildFailed failed) {
            ctx.step("note", null, named("without-" + failed.type()));
        }
        return halves;
    }

    /** A child. */
    static Object half(WorkflowContext ctx, Long number) {
        ctx.sleep(Duration.ofMillis(50));
        return number / 2;
    }

    /** A child that fails. */
    static Object broken(WorkflowContext ctx, Long number) {
        ctx.step("note", number);
        throw new TerminalError("it is broken", "Broken");
    }

    /** The first of several, one given up and one left open; then a cancel, and what is undone after it. */
    static Object trip(WorkflowContext ctx, String to) {
        Object flight = ctx.step("charge", to);
        CompletableFuture<Object> answer = ctx.waitSignalAsync("answer");
        int index = ctx.select(answer, ctx.sleepAsync(Duration.ofMillis(50)), ctx.sleepAsync(Duration.ofDays(30)))
                .index();
        answer.cancel(true);
        ctx.publish("stage", "waiting " + index);
        try {
            return ctx.waitSignal("never");
        } catch (RunCancelled cancelled) {
            ctx.step("refund", flight);
            throw cancelled;
        }
    }

    /** Goes on as a new run once, with a signal nobody has taken; shows values, and has got a patch. */
    static Object relay(WorkflowContext ctx, Long lap) {
        show(ctx, lap);
        if (ctx.patched("cheer")) {
            ctx.step("note", null, named("cheer"));
        }
        return handedOn(ctx, lap);
    }

    /** The relay as it was: its histories are replayed with the patched one. */
    static Object beforePatch(WorkflowContext ctx, Long lap) {
        show(ctx, lap);
        return handedOn(ctx, lap);
    }

    private static void show(WorkflowContext ctx, long lap) {
        ctx.publish("lap", lap);
        ctx.setAttributes(Map.of("lap", lap, "team", "blue", "last", lap == 2));
    }

    private static Object handedOn(WorkflowContext ctx, long lap) {
        ctx.step("note", lap);
        if (lap < 2) {
            ctx.continueAsNew(lap + 1);
        }
        return List.of(lap, ctx.waitSignal("early"));
    }

    private static StepOptions named(String name) {
        return StepOptions.builder().name(name).build();
    }

    private static StepOptions retried(RetryPolicy.Builder policy) {
        return StepOptions.builder().retry(policy.build()).build();
    }

    /** Fails so often, then gives that. */
    private static Callable<Integer> failing(int times, int then) {
        var tries = new AtomicInteger();
        return () -> {
            if (tries.incrementAndGet() <= times) {
                throw new RetryableError("not yet");
            }
            return then;
        };
    }

    private static Object refuse() {
        throw new TerminalError("no luck", "NoLuck");
    }
}
