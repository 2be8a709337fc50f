package io.stellwerk.conformance;

import io.stellwerk.WorkflowContext;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Code that breaks the rules of workflow code, each rule in Java's way. */
final class Breaking {
    private static final Duration HOUR = Duration.ofHours(1);

    /** Contexts of code that has ended, for `misuse after_end`. */
    static final List<WorkflowContext> KEPT = Collections.synchronizedList(new ArrayList<>());

    private Breaking() {}

    /** Break the op's rule; gives an outcome, or nothing. */
    static Optional<Map<String, Object>> broken(Map<String, Object> op, WorkflowContext ctx)
            throws InterruptedException {
        switch ((String) op.get("rule")) {
            case "foreign_await" -> ctx.all(List.of(new CompletableFuture<>()));
            case "block" ->
                Thread.sleep(Interpreter.seconds(Values.number(op, "s")).toMillis());
            case "keep_ctx" -> KEPT.add(ctx);
            case "from_thread" -> {
                return Optional.of(fromThread(ctx));
            }
            case "too_many" -> tooMany(op, ctx);
            default -> throw new IllegalArgumentException("rule: expected a known one, came " + op.get("rule"));
        }
        return Optional.empty();
    }

    private static Map<String, Object> fromThread(WorkflowContext ctx) throws InterruptedException {
        List<Map<String, Object>> outcomes = new ArrayList<>();
        Runnable call = () -> outcomes.add(Calls.outcome(() -> ctx.step("perform")));
        Thread thread = new Thread(call, "stranger");
        thread.start();
        thread.join();
        return outcomes.get(0);
    }

    private static void tooMany(Map<String, Object> op, WorkflowContext ctx) {
        List<CompletableFuture<Object>> sleeps = new ArrayList<>();
        for (int count = 0; count < Values.integer(op, "times", 0); count++) {
            sleeps.add(ctx.sleepAsync(HOUR));
        }
        ctx.all(sleeps);
    }
}
