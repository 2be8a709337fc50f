package io.stellwerk.conformance;

import io.stellwerk.Chunk;
import io.stellwerk.Client;
import io.stellwerk.ClientOptions;
import io.stellwerk.DeadLetterFilter;
import io.stellwerk.DeadLetterState;
import io.stellwerk.Event;
import io.stellwerk.Explanation;
import io.stellwerk.FieldProblem;
import io.stellwerk.RequestError;
import io.stellwerk.Run;
import io.stellwerk.RunFilter;
import io.stellwerk.RunHandle;
import io.stellwerk.RunState;
import io.stellwerk.Signal;
import io.stellwerk.StartOptions;
import io.stellwerk.Step;
import io.stellwerk.TaskContext;
import io.stellwerk.Watch;
import io.stellwerk.WatchItem;
import io.stellwerk.Workflow;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** What a program does with the client: each call ends as an outcome. Must not throw: an error is an outcome too. */
final class Calls {
    private static final long LOOK_MS = 20;

    private Client shared;

    /** What may go wrong while an outcome is found. */
    interface Attempt {
        Object make() throws Exception;
    }

    /** Make the call; gives the value or the error. */
    Map<String, Object> outcome(Map<String, Object> op, TaskContext ctx, List<Object> outcomes) {
        Map<String, Object> given = Values.object(Values.filled(op.get("with"), ctx.runId(), outcomes));
        String call = (String) op.get("call");
        return outcome(() -> {
            Map<String, Object> options = Values.object(op.get("options"));
            if (options.isEmpty()) {
                return call(shared(), call, given);
            }
            try (Client client = new Client(options(options))) {
                return call(client, call, given);
            }
        });
    }

    static Map<String, Object> outcome(Attempt attempt) {
        Map<String, Object> outcome = new LinkedHashMap<>();
        try {
            outcome.put("ok", Values.packed(attempt.make()));
        } catch (Exception error) {
            outcome.put("error", described(error instanceof CompletionException ? error.getCause() : error));
        }
        return outcome;
    }

    private static Map<String, Object> described(Throwable error) {
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("kind", error.getClass().getSimpleName());
        described.put("message", String.valueOf(error.getMessage()));
        if (error instanceof RequestError refused) {
            described.put("message", refused.text());
            described.put("code", refused.code());
            if (!refused.reason().isEmpty()) {
                described.put("reason", refused.reason());
            }
            if (!refused.fields().isEmpty()) {
                described.put("fields", problems(refused.fields()));
            }
        }
        return described;
    }

    private synchronized Client shared() {
        if (shared == null) {
            shared = new Client();
        }
        return shared;
    }

    private static ClientOptions options(Map<String, Object> given) {
        ClientOptions.Builder options = ClientOptions.builder();
        given.forEach((name, value) -> {
            switch (name) {
                case "address" -> options.address((String) value);
                case "namespace" -> options.namespace((String) value);
                case "token" -> options.token((String) value);
                case "tls" -> options.tls((Boolean) value);
                case "retry_s" -> options.retry(Interpreter.seconds(((Number) value).doubleValue()));
                default -> throw new IllegalArgumentException("options: expected a known one, came " + name);
            }
        });
        return options.build();
    }

    private static Object call(Client client, String call, Map<String, Object> given) throws Exception {
        return switch (call) {
            case "start" -> started(start(client, given).join());
            case "start_many" -> startMany(client, given);
            case "run" ->
                client.run(text(given, "workflow"), given.get("input"), startOptions(given))
                        .join();
            case "signal" -> signal(client, given);
            case "requeue" ->
                Map.of(
                        "run_id",
                        client.requeue(text(given, "dead_letter_id")).join().runId());
            case "discard" ->
                client.discard(text(given, "dead_letter_id"), text(given, "reason"))
                        .join();
            case "list_runs" ->
                client.listRuns(runFilter(given)).stream().map(Run::runId).toList();
            case "dead_letters" -> deadLetters(client, given);
            case "workers" ->
                client.workers().join().stream()
                        .map(worker -> worker.workerId())
                        .toList();
            case "queues" ->
                client.queues().join().stream()
                        .map(queue -> List.of(queue.queue(), queue.action()))
                        .toList();
            case "server" -> Map.of("version", client.server().join().version());
            case "apply", "validate", "get_workflow", "list_workflows" -> workflowCall(client, call, given);
            default -> handleCall(client.handle(text(given, "run_id")), call, given);
        };
    }

    private static Object workflowCall(Client client, String call, Map<String, Object> given) {
        return switch (call) {
            case "apply" -> {
                Workflow workflow = apply(client, given.get("definition")).join();
                yield Map.of("name", workflow.name(), "version", workflow.version(), "created", workflow.created());
            }
            case "validate" ->
                problems(validate(client, given.get("definition")).join());
            case "get_workflow" -> {
                Workflow workflow = client.getWorkflow(text(given, "name"), Values.integer(given, "version", 0))
                        .join();
                yield Map.of("name", workflow.name(), "version", workflow.version());
            }
            default ->
                client.listWorkflows(text(given, "name")).stream()
                        .map(workflow -> List.of(workflow.name(), workflow.version()))
                        .toList();
        };
    }

    private static Object handleCall(RunHandle handle, String call, Map<String, Object> given) throws Exception {
        return switch (call) {
            case "result" ->
                given.get("timeout_s") == null
                        ? handle.result().join()
                        : handle.result(Interpreter.seconds(Values.number(given, "timeout_s")))
                                .join();
            case "get" -> described(handle.get(true).join());
            case "await_run" -> awaited(handle, Values.object(given.get("has")));
            case "resume" -> handle.resume().join().name();
            case "cancel" -> handle.cancel(text(given, "reason")).join().name();
            case "terminate" -> handle.terminate(text(given, "reason")).join().name();
            case "retry" ->
                Map.of("run_id", handle.retry(text(given, "from_step")).join().runId());
            case "explain" -> explained(handle.explain().join());
            case "history" -> handle.history().stream().map(Event::type).toList();
            case "watch" -> watch(handle);
            default -> throw new IllegalArgumentException("call: expected a known one, came " + call);
        };
    }

    private static Map<String, Object> explained(Explanation found) {
        List<List<String>> causes = found.causes().stream()
                .map(cause -> List.of(
                        cause.kind().name(), cause.step(), cause.signal().isEmpty() ? cause.action() : cause.signal()))
                .toList();
        return Map.of("state", found.state().name(), "summary", found.summary(), "causes", causes);
    }

    private static CompletableFuture<Workflow> apply(Client client, Object definition) {
        return definition instanceof Map<?, ?>
                ? client.applyWorkflow(Values.object(definition))
                : client.applyWorkflow((String) definition);
    }

    private static CompletableFuture<List<FieldProblem>> validate(Client client, Object definition) {
        return definition instanceof Map<?, ?>
                ? client.validateWorkflow(Values.object(definition))
                : client.validateWorkflow((String) definition);
    }

    private static CompletableFuture<RunHandle> start(Client client, Map<String, Object> given) {
        return client.start(text(given, "workflow"), given.get("input"), startOptions(given));
    }

    private static StartOptions startOptions(Map<String, Object> given) {
        var options = StartOptions.builder()
                .idempotencyKey(text(given, "idempotency_key"))
                .version(Values.integer(given, "version", 0));
        if (given.get("signal") != null) {
            Map<String, Object> told = Values.object(given.get("signal"));
            options.signal(new Signal(text(told, "name"), told.get("payload"), text(told, "signal_id")));
        }
        if (given.get("timeout_s") != null) {
            options.timeout(Interpreter.seconds(Values.number(given, "timeout_s")));
        }
        return options.build();
    }

    private static Map<String, Object> started(RunHandle handle) {
        return Map.of("run_id", handle.runId(), "deduplicated", handle.deduplicated());
    }

    private static Map<String, Object> startMany(Client client, Map<String, Object> given) {
        List<CompletableFuture<RunHandle>> starts = new ArrayList<>();
        for (int count = Values.integer(given, "times", 1); count > 0; count--) {
            starts.add(start(client, given));
        }
        List<RunHandle> handles = starts.stream().map(CompletableFuture::join).toList();
        return Map.of(
                "run_ids", handles.stream().map(RunHandle::runId).toList(),
                "deduplicated", handles.stream().filter(RunHandle::deduplicated).count());
    }

    private static Map<String, Object> signal(Client client, Map<String, Object> given) {
        var signal = new Signal(text(given, "name"), given.get("payload"), text(given, "signal_id"));
        if (given.get("run_id") == null) {
            return started(client.signal(text(given, "workflow"), text(given, "idempotency_key"), signal)
                    .join());
        }
        RunHandle handle = client.handle(text(given, "run_id"));
        return Map.of(
                "run_id", handle.runId(), "deduplicated", handle.signal(signal).join());
    }

    private static Map<String, Object> described(Run run) {
        Map<String, Object> steps = new LinkedHashMap<>();
        for (Step step : run.steps()) {
            steps.put(step.step(), step.state());
        }
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("state", run.state());
        described.put("output", run.output());
        described.put("steps", steps);
        putMore(described, run);
        return described;
    }

    /** What only code has stands there when it has it. */
    private static void putMore(Map<String, Object> described, Run run) {
        if (!run.published().isEmpty()) {
            described.put("published", run.published());
        }
        if (!run.attributes().isEmpty()) {
            described.put("attributes", run.attributes());
        }
        if (!run.blockReason().isEmpty()) {
            described.put("block_reason", run.blockReason());
        }
        if (!run.continuedAs().isEmpty()) {
            described.put("continued_as", run.continuedAs());
        }
    }

    /** The run as soon as it has all that; the runner's patience is the limit. */
    private static Object awaited(RunHandle handle, Map<String, Object> has) throws InterruptedException {
        while (true) {
            Map<String, Object> found = described(handle.get(true).join());
            if (has.entrySet().stream().allMatch(entry -> isSame(entry.getValue(), found.get(entry.getKey())))) {
                return found;
            }
            Thread.sleep(LOOK_MS);
        }
    }

    private static boolean isSame(Object expected, Object came) {
        return came instanceof RunState state ? state.name().equals(expected) : Objects.equals(expected, came);
    }

    private static List<Object> watch(RunHandle handle) {
        List<Object> seen = new ArrayList<>();
        try (Watch watch = handle.watch()) {
            for (WatchItem item : watch) {
                List<Object> pair = new ArrayList<>();
                pair.add(item instanceof Chunk ? "chunk" : "event");
                pair.add(item instanceof Chunk chunk ? Values.packed(chunk.value()) : ((Event) item).type());
                seen.add(pair);
            }
        }
        return seen;
    }

    private static RunFilter runFilter(Map<String, Object> given) {
        RunFilter filter = RunFilter.all().workflow(text(given, "workflow"));
        names(given).forEach(name -> filter.states(RunState.valueOf(name)));
        if (given.get("attributes") != null) {
            filter.attributes(Values.object(given.get("attributes")));
        }
        return given.get("limit") == null ? filter : filter.limit(Values.integer(given, "limit", 0));
    }

    private static List<Object> deadLetters(Client client, Map<String, Object> given) {
        DeadLetterFilter filter =
                DeadLetterFilter.open().workflow(text(given, "workflow")).runId(text(given, "run_id"));
        names(given).forEach(name -> filter.states(DeadLetterState.valueOf(name)));
        List<Object> letters = new ArrayList<>();
        client.deadLetters(filter)
                .forEach(letter -> letters.add(Map.of(
                        "dead_letter_id", letter.deadLetterId(),
                        "step", letter.step(),
                        "reason", letter.reason(),
                        "state", letter.state(),
                        "run_id", letter.runId())));
        return letters;
    }

    private static List<String> names(Map<String, Object> given) {
        return given.get("states") == null ? List.of() : Values.cast(given.get("states"));
    }

    private static List<Map<String, String>> problems(List<FieldProblem> problems) {
        return problems.stream()
                .map(problem -> Map.of("field", problem.field(), "description", problem.description()))
                .toList();
    }

    private static String text(Map<String, Object> given, String name) {
        return Values.text(given, name);
    }
}
