package io.stellwerk.conformance;

import io.stellwerk.RunCancelled;
import io.stellwerk.Selected;
import io.stellwerk.WorkflowContext;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

/** One life of one run of the code workflow. Must not do anything but through ctx, nor know any case. */
final class Code {
    private static final Set<String> CALLS =
            Set.of("step", "run", "sleep", "wait_signal", "child", "gather", "select", "finish");
    private static final Set<String> FACTS = Set.of("now", "random", "uuid", "patched", "context");
    private static final Set<String> VALUES = Set.of("return", "echo", "make", "outcomes");

    private final WorkflowContext ctx;
    private final Map<String, Object> program;
    private final Decider decider;
    private final CodeCalls calls;
    private final Map<String, CompletableFuture<?>> begun = new HashMap<>();
    private final List<Throwable> caught = new ArrayList<>();

    Code(WorkflowContext ctx, Map<String, Object> program, Decider decider) {
        this.ctx = ctx;
        this.program = program;
        this.decider = decider;
        this.calls = new CodeCalls(ctx, program, decider);
    }

    Object toEnd() throws Exception {
        return all(ops(program, "do"), new Scope()).map(Ended::value).orElse(null);
    }

    /** The op ends the code with this value. */
    private record Ended(Object value) {}

    /** Run the ops in order; gives what the one that ends the code has said. */
    private Optional<Ended> all(List<Map<String, Object>> ops, Scope scope) throws Exception {
        for (Map<String, Object> op : ops) {
            String name = (String) op.get("op");
            if (CALLS.contains(name)) {
                kept(op, scope);
            } else if (VALUES.contains(name)) {
                return Optional.of(new Ended(value(op, scope)));
            } else if (FACTS.contains(name)) {
                scope.keep(calls.fact(op));
            } else {
                Optional<Ended> end = doing(op, scope);
                if (end.isPresent()) {
                    return end;
                }
            }
        }
        return Optional.empty();
    }

    /** Wait for the call and keep what it gives; `caught` keeps an error, too. */
    private void kept(Map<String, Object> op, Scope scope) {
        try {
            scope.keep(waited(op, scope));
        } catch (RunCancelled cancelled) {
            throw cancelled;
        } catch (RuntimeException error) {
            if (!Boolean.TRUE.equals(op.get("caught"))) {
                throw error;
            }
            scope.outcomes().add(Values.mapOf("error", CodeErrors.described(error)));
        }
    }

    private Object waited(Map<String, Object> op, Scope scope) {
        return switch ((String) op.get("op")) {
            case "gather" -> gather(op, scope);
            case "select" -> select(op, scope);
            case "finish" -> begun.get(op.get("as")).join();
            default -> calls.waited(op, scope);
        };
    }

    private Object gather(Map<String, Object> op, Scope scope) {
        List<Integer> turns = new ArrayList<>();
        if (op.get("times") == null) {
            turns.add(scope.turn());
        } else {
            IntStream.range(0, Values.integer(op, "times", 0)).forEach(turns::add);
        }
        List<CompletableFuture<Object>> branches = new ArrayList<>();
        for (Integer turn : turns) {
            for (Object branch : Values.list(op.get("of"))) {
                branches.add(calls.chained(Values.cast(branch), 0, scope.inner(turn)));
            }
        }
        return ctx.all(branches);
    }

    private Object select(Map<String, Object> op, Scope scope) {
        List<CompletableFuture<?>> futures = new ArrayList<>();
        for (Map<String, Object> call : ops(op, "of")) {
            futures.add(call.get("op").equals("finish") ? begun.get(call.get("as")) : calls.asked(call, scope));
        }
        Selected first = ctx.select(futures);
        if (Boolean.TRUE.equals(op.get("cancel"))) {
            futures.stream().filter(future -> !future.isDone()).forEach(future -> future.cancel(true));
        }
        List<Object> pair = new ArrayList<>();
        pair.add(first.index());
        pair.add(first.value());
        return pair;
    }

    private Optional<Ended> doing(Map<String, Object> op, Scope scope) throws Exception {
        switch ((String) op.get("op")) {
            case "note" -> note(op);
            case "log" -> ctx.logger().warn((String) op.get("text"));
            case "publish" -> ctx.publish((String) op.get("key"), calls.filled(op, scope));
            case "attributes" -> ctx.setAttributes(Values.object(op.get("values")));
            case "continue_as_new" -> ctx.continueAsNew(calls.input(op, scope), Values.text(op, "workflow"));
            case "begin" -> begun.put((String) op.get("as"), calls.asked(Values.object(op.get("of")), scope));
            case "give_up" -> begun.get(op.get("as")).cancel(true);
            case "die" -> Failing.dieOnce(decider.folder(), (String) op.get("once"));
            case "break" -> Breaking.broken(op, ctx).ifPresent(scope.outcomes()::add);
            case "fail" -> Failing.fail(op);
            case "rethrow" -> throw Values.<RuntimeException>unchecked(caught.get(caught.size() - 1));
            default -> {
                return branching(op, scope);
            }
        }
        return Optional.empty();
    }

    /** What decides which ops come next. */
    private Optional<Ended> branching(Map<String, Object> op, Scope scope) throws Exception {
        return switch ((String) op.get("op")) {
            case "try" -> tried(op, scope);
            case "loop" -> loop(op, scope);
            case "build" -> all(ops(op, decider.build().equals(op.get("is")) ? "do" : "else"), scope);
            case "if" -> all(ops(op, decider.folder().isOpen((String) op.get("latch")) ? "do" : "else"), scope);
            default -> throw new IllegalArgumentException("op: expected a known one, came " + op.get("op"));
        };
    }

    private Optional<Ended> tried(Map<String, Object> op, Scope scope) throws Exception {
        try {
            return all(ops(op, "do"), scope);
        } catch (Exception error) {
            String handler = error instanceof RunCancelled ? "cancelled" : "catch";
            if (op.get(handler) == null) {
                throw error;
            }
            caught.add(error);
            scope.outcomes().add(Values.mapOf("error", CodeErrors.described(error)));
            return all(ops(op, handler), scope);
        } finally {
            all(ops(op, "finally"), scope);
        }
    }

    private Optional<Ended> loop(Map<String, Object> op, Scope scope) throws Exception {
        List<Object> values = new ArrayList<>();
        for (int turn = 0; turn < Values.integer(op, "times", 0); turn++) {
            Scope inner = scope.inner(turn);
            Optional<Ended> end = all(ops(op, "do"), inner);
            if (end.isPresent()) {
                return end;
            }
            values.add(inner.last());
        }
        scope.keep(Boolean.TRUE.equals(op.get("quiet")) ? null : values);
        return Optional.empty();
    }

    private void note(Map<String, Object> op) throws IOException {
        if (Boolean.TRUE.equals(op.get("always")) || !ctx.isReplaying()) {
            decider.folder().note(ctx.runId() + " $code 0 " + op.get("text"));
        }
    }

    private Object value(Map<String, Object> op, Scope scope) {
        return switch ((String) op.get("op")) {
            case "return" -> calls.filled(op, scope);
            case "echo" -> program.get("value");
            case "make" -> Values.make((String) op.get("kind"), Values.integer(op, "size", 0));
            default -> scope.outcomes();
        };
    }

    private static List<Map<String, Object>> ops(Map<String, Object> op, String name) {
        return op.get(name) == null ? List.of() : Values.cast(op.get(name));
    }
}
