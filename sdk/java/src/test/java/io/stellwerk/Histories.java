package io.stellwerk;

import io.stellwerk.v1.Command;
import io.stellwerk.v1.Event;
import io.stellwerk.v1.Failure;
import io.stellwerk.v1.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Histories written by hand, event by event, as servers record them. */
final class Histories {
    private final List<Event> events = new ArrayList<>();

    static Histories started() {
        return new Histories().add("RUN_STARTED", "", Map.of());
    }

    Histories add(String type, String step, Map<String, Object> attributes) {
        return add(type, step, attributes, null);
    }

    /** With a payload, or a Failure. */
    Histories add(String type, String step, Map<String, Object> attributes, Object content) {
        var event = Event.newBuilder()
                .setSequence(events.size() + 1)
                .setType(type)
                .setStep(step)
                .setAttempt(type.equals("STEP_SCHEDULED") ? 1 : 0);
        event.getTimeBuilder().setSeconds(1_000 + events.size());
        if (content instanceof Failure failure) {
            event.setFailure(failure);
        } else if (content != null) {
            event.setPayload(Payloads.encode(content));
        }
        if (!attributes.isEmpty()) {
            event.setAttributes(Payloads.encode(attributes).getJson());
        }
        events.add(event.build());
        return this;
    }

    Histories action(String step, String action, Object input, long decision) {
        return add("STEP_SCHEDULED", step, Map.of("decision", decision, "action", action), input);
    }

    Histories done(String step, Object output) {
        return add("STEP_SUCCEEDED", step, Map.of(), output == null ? "" : output);
    }

    Histories failed(String step, String type, String message) {
        var failure = Failure.newBuilder().setType(type).setMessage(message).setAttempt(4);
        return add("STEP_FAILED", step, Map.of(), failure.build());
    }

    List<Event> events() {
        return List.copyOf(events);
    }

    /** Those after a sequence. */
    List<Event> after(long sequence) {
        return events.stream().filter(event -> event.getSequence() > sequence).toList();
    }

    /** Commands in words. */
    static List<String> shown(List<Command> commands) {
        return commands.stream().map(command -> Called.of(command).shown()).toList();
    }

    static Replayer.RunFacts facts() {
        Task task = Task.getDefaultInstance();
        return new Replayer.RunFacts("run_1", "wf", task.getInput(), Map.of());
    }
}
