package io.stellwerk.conformance;

import io.stellwerk.TaskContext;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/** One attempt at a program, op by op; as an iterator it gives what the program yields. Must not know the client. */
final class Performance implements Iterator<Object> {
    private static final long LOOK_MS = 20;
    private static final double NS_PER_S = 1e9;

    private final Object program;
    private final TaskContext ctx;
    private final Folder folder;
    private final Calls calls;
    private final List<Object> outcomes = new ArrayList<>();
    private final LinkedList<Object> yielded = new LinkedList<>(); // chunks may be null
    private final Iterator<Map<String, Object>> ops;
    private boolean ended;

    Performance(Object program, TaskContext ctx, Folder folder, Calls calls) {
        this.program = program;
        this.ctx = ctx;
        this.folder = folder;
        this.calls = calls;
        List<Map<String, Object>> none = List.of();
        List<Map<String, Object>> told = program instanceof Map<?, ?> map ? Values.cast(map.get("do")) : none;
        this.ops = told.iterator();
    }

    /** Run every op; gives the value of the one that ends the handler, or null. */
    Object toEnd() throws Exception {
        if (program instanceof byte[]) {
            return program;
        }
        while (ops.hasNext()) {
            Optional<Ended> end = step(ops.next());
            if (end.isPresent()) {
                return end.get().value();
            }
        }
        return null;
    }

    @Override
    public boolean hasNext() {
        try {
            while (yielded.isEmpty() && !ended && ops.hasNext()) {
                ended = step(ops.next()).isPresent();
            }
        } catch (Exception error) {
            throw Values.<RuntimeException>unchecked(error);
        }
        return !yielded.isEmpty();
    }

    @Override
    public Object next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        return yielded.remove();
    }

    /** The op ends the handler with this value. */
    private record Ended(Object value) {}

    private Optional<Ended> step(Map<String, Object> op) throws Exception {
        int from = Values.integer(op, "from", 1);
        int upTo = Values.integer(op, "upto", Integer.MAX_VALUE);
        if (ctx.attempt() < from || ctx.attempt() > upTo) {
            return Optional.empty();
        }
        switch ((String) op.get("op")) {
            case "return":
                return Optional.of(new Ended(op.get("value")));
            case "echo":
                return Optional.of(new Ended(((Map<?, ?>) program).get("value")));
            case "make":
                return Optional.of(new Ended(Values.make((String) op.get("kind"), Values.integer(op, "size", 0))));
            case "context":
                return Optional.of(new Ended(facts()));
            case "outcomes":
                return Optional.of(new Ended(outcomes));
            default:
                act(op);
                return Optional.empty();
        }
    }

    private void act(Map<String, Object> op) throws Exception {
        switch ((String) op.get("op")) {
            case "fail" -> Failing.fail(op);
            case "stream" -> Values.list(op.get("chunks")).forEach(chunk -> ctx.stream(Values.unpacked(chunk)));
            case "yield" -> Values.list(op.get("chunks")).forEach(chunk -> yielded.add(Values.unpacked(chunk)));
            case "heartbeat" -> ctx.heartbeat(op.get("progress"));
            case "sleep" ->
                Thread.sleep(Interpreter.seconds(Values.number(op, "s")).toMillis());
            case "await_cancel" -> awaitCancel();
            case "ignore_cancel" -> ignoreCancel(Values.number(op, "s"));
            case "spin" -> spin(Values.number(op, "s"));
            case "await" -> hold(() -> folder.isOpen((String) op.get("latch")));
            case "note" -> folder.note(ctx, (String) op.get("text"));
            case "die" -> Failing.die();
            case "client" -> outcomes.add(calls.outcome(op, ctx, outcomes));
            case "misuse" -> outcomes.add(Misuses.outcome((String) op.get("what"), ctx));
            default -> throw new IllegalArgumentException("op: expected a known one, came " + op.get("op"));
        }
    }

    private void awaitCancel() throws IOException {
        hold(ctx::isCancelled);
        folder.note(ctx, "cancelled " + ctx.cancelReason());
        ctx.heartbeat();
    }

    private void ignoreCancel(double seconds) throws IOException {
        long untilNs = System.nanoTime() + (long) (seconds * NS_PER_S);
        hold(() -> System.nanoTime() >= untilNs);
        folder.note(ctx, ("ignored " + ctx.cancelReason()).stripTrailing());
    }

    private static void spin(double seconds) {
        long untilNs = System.nanoTime() + (long) (seconds * NS_PER_S);
        while (System.nanoTime() < untilNs) {
            Thread.onSpinWait();
        }
    }

    /** Wait until it is true, whatever is cancelled meanwhile. */
    private static void hold(BooleanSupplier isReady) {
        while (!isReady.getAsBoolean()) {
            try {
                Thread.sleep(LOOK_MS);
            } catch (InterruptedException cancelled) {
                Thread.interrupted(); // the program says what a cancel means
            }
        }
    }

    private Map<String, Object> facts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("run_id", ctx.runId());
        facts.put("workflow", ctx.workflow());
        facts.put("step", ctx.step());
        facts.put("action", ctx.action());
        facts.put("attempt", ctx.attempt());
        facts.put("max_attempts", ctx.maxAttempts());
        facts.put("idempotency_key", ctx.idempotencyKey());
        facts.put("has_deadline", ctx.deadline() != null);
        facts.put("cancelled", ctx.isCancelled());
        facts.put("trace", ctx.trace());
        return facts;
    }
}
