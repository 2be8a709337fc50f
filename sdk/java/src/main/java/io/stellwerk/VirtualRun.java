package io.stellwerk;

import io.stellwerk.v1.Event;
import io.stellwerk.v1.Failure;
import io.stellwerk.v1.Payload;
import io.stellwerk.v1.RunResult;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** What a server keeps of a run, for tests: its events and what follows from them. Must not know time or handlers. */
final class VirtualRun {
    private static final Set<String> NEWS =
            Set.of("RUN_STARTED", "STEP_SUCCEEDED", "STEP_FAILED", "STEP_RAN", "RUN_CANCEL_REQUESTED");

    final String runId;
    final WorkflowPlan plan;
    final Payload input;
    final VirtualRun parent;
    final VirtualStep parentStep;
    final List<Event> events = new ArrayList<>();
    final Map<String, VirtualStep> steps = new LinkedHashMap<>();
    final Map<String, Deque<Payload>> kept = new HashMap<>();
    final Map<String, Deque<VirtualStep>> awaiting = new HashMap<>();
    /** Local steps that run; while there are any, a decision is open. */
    final Map<String, LocalCall> locals = new LinkedHashMap<>();

    Replayer code;
    /** The last event the code has seen; 0 before its first decision. */
    long seen;

    boolean due;
    boolean cancelAsked;
    VirtualRun continuedAs;
    RunState state = RunState.PENDING;
    /** How much of its history has been replayed. */
    int checked;

    VirtualRun(String runId, WorkflowPlan plan, Payload input, VirtualRun parent, VirtualStep parentStep) {
        this.runId = runId;
        this.plan = plan;
        this.input = input;
        this.parent = parent;
        this.parentStep = parentStep;
    }

    /** Record that something has happened. */
    void emit(Instant now, String type, String step, int attempt, Facts facts) {
        var event = Event.newBuilder()
                .setSequence(events.size() + 1L)
                .setTime(Wire.timestamp(now))
                .setType(type)
                .setStep(step)
                .setAttempt(attempt)
                .setWorkerId(facts.worker());
        if (facts.payload() != null) {
            event.setPayload(facts.payload());
        }
        if (facts.failure() != null) {
            event.setFailure(facts.failure());
        }
        if (!facts.attributes().isEmpty()) {
            event.setAttributes(Payloads.encode(facts.attributes()).getJson());
        }
        events.add(event.build());
        state = state(type, state);
    }

    /** What an event may hold beside its type and step; null and empty where it does not. */
    record Facts(Payload payload, Failure failure, String worker, Map<String, Object> attributes) {
        static final Facts NONE = new Facts(null, null, "", Map.of());

        static Facts of(Payload payload, String worker) {
            return new Facts(payload, null, worker, Map.of());
        }

        static Facts of(Failure failure, String worker) {
            return new Facts(null, failure, worker, Map.of());
        }

        Facts with(Map<String, Object> more) {
            return new Facts(payload, failure, worker, more);
        }
    }

    /** The state of a run after that event. */
    static RunState state(String type, RunState before) {
        return switch (type) {
            case "RUN_STARTED", "RUN_RESUMED" -> RunState.RUNNING;
            case "RUN_BLOCKED" -> RunState.BLOCKED;
            case "RUN_SUCCEEDED" -> RunState.SUCCEEDED;
            case "RUN_FAILED" -> RunState.FAILED;
            case "RUN_CANCELLED" -> RunState.CANCELLED;
            case "RUN_TERMINATED" -> RunState.TERMINATED;
            case "RUN_TIMED_OUT" -> RunState.TIMED_OUT;
            case "RUN_CONTINUED" -> RunState.CONTINUED;
            default -> before;
        };
    }

    /** What the code has to see. */
    List<Event> news() {
        return events.subList((int) seen, events.size()).stream()
                .filter(event -> NEWS.contains(event.getType()))
                .toList();
    }

    boolean hasEnded() {
        return state.terminal();
    }

    /** The run that goes on for this one, or itself. */
    VirtualRun last() {
        VirtualRun run = this;
        while (run.continuedAs != null) {
            run = run.continuedAs;
        }
        return run;
    }

    /** As a server tells how it has ended. */
    RunResult result() {
        Event end = events.get(events.size() - 1);
        var result = RunResult.newBuilder()
                .setRunId(runId)
                .setState(Wire.runState(state))
                .setOutput(end.getPayload());
        if (end.hasFailure()) {
            result.setFailure(end.getFailure());
        }
        return result.build();
    }

    Map<String, Object> published() {
        Map<String, Object> published = new LinkedHashMap<>();
        each("RUN_PUBLISHED")
                .forEach(event -> published.put(Wire.attribute(event, "key"), Payloads.decode(event.getPayload())));
        return published;
    }

    Map<String, Object> attributes() {
        Map<String, Object> attributes = new LinkedHashMap<>();
        for (Event event : each("RUN_ATTRIBUTES")) {
            Map<String, Object> values =
                    Payloads.cast(Wire.attributes(event.getAttributes()).get("values"));
            attributes.putAll(values);
        }
        attributes.values().removeIf(value -> value == null);
        return attributes;
    }

    /** What it waits for, in words. */
    String waitsFor() {
        List<String> words = new ArrayList<>(steps.values().stream()
                .filter(step -> step.open)
                .map(VirtualStep::shown)
                .toList());
        locals.keySet().forEach(step -> words.add("local step " + Words.quoted(step)));
        return words.isEmpty() ? "nothing" : words.stream().collect(Collectors.joining(", "));
    }

    /** A signal has come that no step has taken. */
    void keep(String signal, Payload payload) {
        kept.computeIfAbsent(signal, any -> new ArrayDeque<>()).add(payload);
    }

    private List<Event> each(String type) {
        return events.stream().filter(event -> event.getType().equals(type)).toList();
    }
}
