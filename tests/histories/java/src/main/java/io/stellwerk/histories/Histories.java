package io.stellwerk.histories;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.stellwerk.RetryableError;
import io.stellwerk.TaskContext;
import io.stellwerk.Worker;
import io.stellwerk.WorkerOptions;
import io.stellwerk.WorkflowFunction;
import io.stellwerk.testing.NonDeterminism;
import io.stellwerk.testing.Replay;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The workflows whose histories are kept, in Java: {@code work} serves them, {@code replay CODE=FILE ...} holds them against
 * files. Must not have code of a workflow: Coded has it.
 */
public final class Histories {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, Code<?>> WORKED = new LinkedHashMap<>();

    static {
        WORKED.put("order", new Code<>(Coded.Order.class, Coded::order));
        WORKED.put("waiting", new Code<>(String.class, Coded::waiting));
        WORKED.put("local", new Code<>(Long.class, Coded::local));
        WORKED.put("family", new Code<>(Long.class, Coded::family));
        WORKED.put("half", new Code<>(Long.class, Coded::half));
        WORKED.put("broken", new Code<>(Long.class, Coded::broken));
        WORKED.put("trip", new Code<>(String.class, Coded::trip));
        WORKED.put("relay", new Code<>(Long.class, Coded::relay));
    }

    private Histories() {}

    /** A workflow's function and what it takes. */
    record Code<T>(Class<T> input, WorkflowFunction<T> function) {
        void register(Worker worker, String name) {
            worker.workflow(name, input, function);
        }

        /** The state, or the difference. */
        String outcome(Object history) {
            try {
                return Replay.replay(history, input, function).name();
            } catch (NonDeterminism difference) {
                return "NonDeterminism: " + difference.getMessage();
            }
        }
    }

    /** {@code work}, or {@code replay} and files. */
    public static void main(String[] arguments) throws IOException {
        if (arguments[0].equals("work")) {
            work();
        } else {
            replayAll(List.of(arguments).subList(1, arguments.length));
        }
    }

    /** Serve them until SIGTERM. */
    private static void work() {
        var worker = new Worker(
                WorkerOptions.builder().workerId("histories").build("histories").build());
        WORKED.forEach((name, code) -> code.register(worker, name));
        worker.workflow("unpatched", Long.class, Coded::beforePatch);
        worker.register("charge", String.class, Histories::charge);
        for (String action : List.of("ship", "note", "refund")) {
            worker.register(action, value -> value);
        }
        worker.start();
    }

    /** Some cards work at the second attempt only. */
    private static String charge(String what, TaskContext ctx) {
        if (what.equals("flaky") && ctx.attempt() == 1) {
            throw new RetryableError("the bank is away");
        }
        return "paid by " + what;
    }

    /** Write a JSON line for each CODE=FILE: what replaying its first event gives, its first two, and so on. */
    private static void replayAll(List<String> pairs) throws IOException {
        Map<String, Code<?>> all = new LinkedHashMap<>(WORKED);
        all.put("unpatched", WORKED.get("relay"));
        all.put("changed", new Code<>(Coded.Order.class, Coded::changed));
        for (String pair : pairs) {
            String[] parts = pair.split("=", 2);
            Map<String, Object> history = JSON.readValue(Files.readString(Path.of(parts[1])), new TypeReference<>() {});
            System.out.println(JSON.writeValueAsString(outcomes(all.get(parts[0]), history)));
        }
    }

    private static List<String> outcomes(Code<?> code, Map<String, Object> history) {
        var events = (List<?>) history.get("events");
        List<String> outcomes = new ArrayList<>();
        for (int count = 1; count <= events.size(); count++) {
            var cut = new LinkedHashMap<>(history);
            cut.put("events", events.subList(0, count));
            outcomes.add(code.outcome(cut));
        }
        return outcomes;
    }
}
