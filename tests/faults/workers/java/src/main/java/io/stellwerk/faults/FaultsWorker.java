package io.stellwerk.faults;

import io.stellwerk.ContextHandler;
import io.stellwerk.RetryPolicy;
import io.stellwerk.RetryableError;
import io.stellwerk.StepFailed;
import io.stellwerk.StepOptions;
import io.stellwerk.TaskContext;
import io.stellwerk.TerminalError;
import io.stellwerk.Worker;
import io.stellwerk.WorkerOptions;
import io.stellwerk.WorkflowContext;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The Java worker under faults: the twin of ../python/worker.py; ../README.md says what the three do. Writes its ledger
 * before anything is completed. Must not know any fault.
 */
public final class FaultsWorker {
    private static final int SLOTS = 50;
    private static final int CHUNKS = 5;
    private static final int KILLED = 137;
    private static final double MS_PER_S = 1_000;
    private static final Duration DRAIN = Duration.ofSeconds(2);
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final RetryPolicy RETRY = RetryPolicy.builder()
            .maxAttempts(10)
            .initial(Duration.ofMillis(100))
            .max(Duration.ofSeconds(2))
            .build();

    private final Ledger ledger;
    private final long leaseMs = Math.round(Double.parseDouble(System.getenv("FAULTS_LEASE_S")) * MS_PER_S);

    private FaultsWorker(Ledger ledger) {
        this.ledger = ledger;
    }

    /** What a handler does between the first and the last line of its ledger. */
    private interface Act {
        void act(TaskContext ctx, String value) throws Exception;
    }

    /** Works until SIGTERM. */
    public static void main(String[] arguments) throws IOException {
        var ledger = new Ledger(Path.of(System.getenv("FAULTS_LEDGER")));
        var program = new FaultsWorker(ledger);
        var worker = new Worker(WorkerOptions.builder()
                .workerId(ledger.workerId())
                .slots(SLOTS)
                .drain(DRAIN)
                .build());
        program.acts().forEach((action, act) -> worker.register(action, program.recorded(action, act)));
        worker.workflow("code-java", program::code);
        worker.start();
    }

    private Map<String, Act> acts() {
        Map<String, Act> acts = new LinkedHashMap<>();
        acts.put("touch", (ctx, value) -> {});
        acts.put("slow", (ctx, value) -> Thread.sleep(slowMs(ctx)));
        acts.put("flaky", FaultsWorker::flaky);
        acts.put("linger", (ctx, value) -> Thread.sleep(ctx.attempt() == 1 ? leaseMs : 0));
        acts.put("poison", (ctx, value) -> {
            throw new IllegalStateException("poison");
        });
        acts.put("fatal", (ctx, value) -> {
            throw new TerminalError("fatal", "Fatal");
        });
        acts.put("crash", FaultsWorker::crash);
        acts.put("stream", FaultsWorker::stream);
        return acts;
    }

    private long slowMs(TaskContext ctx) {
        return chance(ctx, 10) == 0 ? leaseMs * 3 / 2 : 300L * (1 + chance(ctx, 5));
    }

    private static void flaky(TaskContext ctx, String value) {
        if (ctx.attempt() <= chance(ctx, 3)) {
            throw new RetryableError("not yet", null, "Flaky", null);
        }
    }

    private static void crash(TaskContext ctx, String value) {
        if (ctx.attempt() == 1) {
            Runtime.getRuntime().halt(KILLED);
        }
    }

    private static void stream(TaskContext ctx, String value) {
        for (int number = 0; number < CHUNKS; number++) {
            ctx.stream(value + "#" + number);
        }
    }

    /** 0 to {@code of} - 1, the same in each attempt of a step and in each language. */
    private static int chance(TaskContext ctx, int of) {
        return (ctx.runId() + ctx.step()).chars().sum() % of;
    }

    /** The handler: its effects stand in the ledger before the server hears of them. */
    private ContextHandler<Object> recorded(String action, Act act) {
        return (input, ctx) -> {
            String value = ledger.value();
            ledger.write(ctx.runId(), ctx.step(), ctx.attempt(), action, "begin", "");
            try {
                act.act(ctx, value);
            } catch (Exception error) {
                ledger.write(ctx.runId(), ctx.step(), ctx.attempt(), action, "failed", "");
                throw error;
            }
            ledger.write(ctx.runId(), ctx.step(), ctx.attempt(), action, "done", value);
            return value;
        };
    }

    /** Steps, local steps, a timer, a signal, a child, and the same again as a new run. */
    private Object code(WorkflowContext ctx, Object input) {
        Map<?, ?> given = (Map<?, ?>) input;
        Map<String, Object> said = Map.of("taint", given.get("taint"));
        Object first = ctx.step("touch", said, named("first"));
        ctx.all(List.of(
                ctx.stepAsync("flaky", said, named("left")),
                ctx.stepAsync("touch", said, named("right")),
                ctx.runAsync("local", () -> local(ctx.runId()))));
        ctx.sleep(Duration.ofMillis(Math.round(number(given, "sleep_s", 0.1) * MS_PER_S)));
        if (Boolean.TRUE.equals(given.get("signal"))) {
            ctx.waitSignal("go", PATIENCE);
        }
        if (Boolean.TRUE.equals(given.get("child"))) {
            child(ctx, said);
        }
        int turns = (int) number(given, "turns", 1);
        if (turns > 1) {
            Map<String, Object> next = new LinkedHashMap<>();
            given.forEach((name, value) -> next.put((String) name, value));
            next.putAll(Map.of("turns", turns - 1, "signal", false, "child", false));
            ctx.continueAsNew(next);
        }
        return first;
    }

    private static void child(WorkflowContext ctx, Map<String, Object> said) {
        try {
            ctx.child("sequence", said);
        } catch (StepFailed lost) {
            ctx.publish("child", said.get("taint") + "/lost");
        }
    }

    private String local(String runId) throws IOException {
        String value = ledger.value();
        ledger.write(runId, "local", 0, "$local", "begin", "");
        ledger.write(runId, "local", 0, "$local", "done", value);
        return value;
    }

    private static StepOptions named(String name) {
        return StepOptions.builder().name(name).retry(RETRY).build();
    }

    private static double number(Map<?, ?> given, String name, double otherwise) {
        return given.get(name) instanceof Number number ? number.doubleValue() : otherwise;
    }
}
