package io.stellwerk.conformance;

import io.stellwerk.ChildOptions;
import io.stellwerk.ParentClose;
import io.stellwerk.RetryPolicy;
import io.stellwerk.StepOptions;
import io.stellwerk.WorkflowContext;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** What the code workflow asks ctx for, waiting or not. Must not keep anything. */
final class CodeCalls {
    private final WorkflowContext ctx;
    private final Map<String, Object> program;
    private final Decider decider;

    CodeCalls(WorkflowContext ctx, Map<String, Object> program, Decider decider) {
        this.ctx = ctx;
        this.program = program;
        this.decider = decider;
    }

    /** Make the call and wait for what it gives. */
    Object waited(Map<String, Object> op, Scope scope) {
        String name = Values.text(op, "name");
        switch ((String) op.get("op")) {
            case "step":
                return ctx.step(action(op), input(op, scope), step(op));
            case "run":
                return ctx.run(name, decider.local().performed(ctx.runId(), op, filled(op, scope)), local(op));
            case "sleep":
                ctx.sleep(span(op, "s"));
                return null;
            case "wait_signal":
                return op.get("timeout_s") == null ? ctx.waitSignal(name) : ctx.waitSignal(name, span(op, "timeout_s"));
            case "child":
                return ctx.child((String) op.get("workflow"), input(op, scope), child(op));
            default:
                throw new IllegalArgumentException("op: expected a call, came " + op.get("op"));
        }
    }

    /** Make the call; gives the future. */
    CompletableFuture<Object> asked(Map<String, Object> op, Scope scope) {
        String name = Values.text(op, "name");
        return switch ((String) op.get("op")) {
            case "step" -> ctx.stepAsync(action(op), input(op, scope), step(op));
            case "run" -> ctx.runAsync(name, decider.local().performed(ctx.runId(), op, filled(op, scope)), local(op));
            case "sleep" -> ctx.sleepAsync(span(op, "s"));
            case "wait_signal" ->
                op.get("timeout_s") == null
                        ? ctx.waitSignalAsync(name)
                        : ctx.waitSignalAsync(name, span(op, "timeout_s"));
            case "child" -> ctx.childAsync((String) op.get("workflow"), input(op, scope), child(op));
            default -> throw new IllegalArgumentException("op: expected a call, came " + op.get("op"));
        };
    }

    /** The ops from that place on, one after the other; gives what the last one gives, or what is returned. */
    CompletableFuture<Object> chained(List<Map<String, Object>> ops, int place, Scope scope) {
        if (place == ops.size()) {
            return CompletableFuture.completedFuture(scope.last());
        }
        Map<String, Object> op = ops.get(place);
        if (op.get("op").equals("return")) {
            return CompletableFuture.completedFuture(filled(op, scope));
        }
        return asked(op, scope).thenCompose(value -> {
            scope.keep(value);
            return chained(ops, place + 1, scope);
        });
    }

    /** What is known at once. */
    Object fact(Map<String, Object> op) {
        return switch ((String) op.get("op")) {
            case "now" -> ctx.now().toEpochMilli();
            case "random" -> ctx.random();
            case "uuid" -> ctx.uuid().toString();
            case "patched" -> ctx.patched((String) op.get("id"));
            default -> context();
        };
    }

    /** The input of a step, a child or the next run. */
    Object input(Map<String, Object> op, Scope scope) {
        if (op.get("make") != null) {
            return Values.make((String) op.get("make"), Values.integer(op, "size", 0));
        }
        return op.get("do") == null ? op.get("input") : Values.mapOf("do", op.get("do"), "value", filled(op, scope));
    }

    /** The op's `value` with what `=…` stands for. */
    Object filled(Map<String, Object> op, Scope scope) {
        Map<String, Object> names =
                Values.mapOf("value", program.get("value"), "i", scope.turn(), "run_id", ctx.runId());
        return Values.filledIn(op.get("value"), names, scope.outcomes());
    }

    private Object context() {
        Map<String, Object> facts = Values.mapOf("run_id", ctx.runId(), "workflow", ctx.workflow());
        facts.put("parent", ctx.parent());
        facts.put("cancelled", ctx.isCancelled());
        facts.put("trace", ctx.trace());
        return facts;
    }

    private static String action(Map<String, Object> op) {
        return (String) op.getOrDefault("action", "perform");
    }

    private StepOptions step(Map<String, Object> op) {
        StepOptions.Builder options = StepOptions.builder()
                .name(Values.text(op, "name"))
                .queue((String) op.getOrDefault("queue", decider.queue()))
                .priority(Values.integer(op, "priority", 0));
        if (op.get("retry") != null) {
            options.retry(retry(op));
        }
        Map<String, Object> timeout = Values.object(op.get("timeout"));
        timeout.keySet().forEach(name -> {
            switch (name) {
                case "attempt_s" -> options.attemptTimeout(span(timeout, name));
                case "total_s" -> options.totalTimeout(span(timeout, name));
                default -> options.startTimeout(span(timeout, name));
            }
        });
        return options.build();
    }

    private static StepOptions local(Map<String, Object> op) {
        StepOptions.Builder options = StepOptions.builder();
        return (op.get("retry") == null ? options : options.retry(retry(op))).build();
    }

    private static ChildOptions child(Map<String, Object> op) {
        ChildOptions.Builder options = ChildOptions.builder().name(Values.text(op, "name"));
        if (op.get("parent_close") != null) {
            options.parentClose(ParentClose.valueOf(((String) op.get("parent_close")).toUpperCase(Locale.ROOT)));
        }
        return (op.get("retry") == null ? options : options.retry(retry(op))).build();
    }

    private static RetryPolicy retry(Map<String, Object> op) {
        Map<String, Object> said = Values.object(op.get("retry"));
        RetryPolicy.Builder policy = RetryPolicy.builder();
        said.keySet().forEach(name -> {
            switch (name) {
                case "max_attempts" -> policy.maxAttempts(Values.integer(said, name, 1));
                case "initial_s" -> policy.initial(span(said, name));
                case "backoff" -> policy.backoff(Values.number(said, name));
                case "max_s" -> policy.max(span(said, name));
                case "jitter" -> policy.jitter(Values.number(said, name));
                default -> policy.nonRetryable(Values.list(said.get(name)).toArray(String[]::new));
            }
        });
        return policy.build();
    }

    private static Duration span(Map<String, Object> from, String name) {
        return Interpreter.seconds(Values.number(from, name));
    }
}
