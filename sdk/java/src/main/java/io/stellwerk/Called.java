package io.stellwerk;

import io.stellwerk.v1.Command;
import io.stellwerk.v1.Event;
import io.stellwerk.v1.Payload;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;

/**
 * A command as far as replays compare and show it, whether the code gives it now or a history holds it.
 *
 * @param subject the action, workflow, signal, key or patch id it names; empty where there is none
 * @param detail the input or the length of a sleep, as it is shown
 */
record Called(Kind kind, String step, String subject, String detail) {
    private static final int INPUT_CHARS_MAX = 40;

    /** What a command is, by the event that records it. */
    enum Kind {
        ACTION,
        CHILD,
        SLEEP,
        SIGNAL,
        LOCAL,
        CANCEL,
        PUBLISH,
        ATTRIBUTES,
        PATCH,
        SUCCEED,
        FAIL,
        CANCELLED,
        CONTINUE
    }

    static Called of(Command command) {
        String step = command.getStep();
        return switch (command.getKindCase()) {
            case ACTION ->
                new Called(
                        Kind.ACTION,
                        step,
                        command.getAction().getAction(),
                        input(command.getAction().getInput()));
            case CHILD ->
                new Called(
                        Kind.CHILD,
                        step,
                        command.getChild().getWorkflow(),
                        input(command.getChild().getInput()));
            case SLEEP ->
                new Called(
                        Kind.SLEEP,
                        step,
                        "",
                        Words.seconds(Wire.span(command.getSleep().getDuration())));
            case SIGNAL -> new Called(Kind.SIGNAL, step, command.getSignal().getSignal(), "");
            case LOCAL -> new Called(Kind.LOCAL, step, "", "");
            case CANCEL -> new Called(Kind.CANCEL, step, "", "");
            case PUBLISH -> new Called(Kind.PUBLISH, step, command.getPublish().getKey(), "");
            case ATTRIBUTES -> new Called(Kind.ATTRIBUTES, step, "", "");
            case PATCH -> new Called(Kind.PATCH, step, command.getPatch().getId(), "");
            case SUCCEED -> new Called(Kind.SUCCEED, step, "", "");
            case FAIL -> new Called(Kind.FAIL, step, "", "");
            case CANCELLED -> new Called(Kind.CANCELLED, step, "", "");
            default -> new Called(Kind.CONTINUE, step, "", "");
        };
    }

    /** The command an event records; null when it records none. */
    static Called of(Event event, Map<String, Object> attributes) {
        String step = event.getStep();
        return switch (event.getType()) {
            case "STEP_SCHEDULED" -> scheduled(event, attributes);
            case "STEP_SLEEPING" -> new Called(Kind.SLEEP, step, "", seconds(attributes.get("sleep_s")));
            case "STEP_AWAITING" -> new Called(Kind.SIGNAL, step, text(attributes, "signal"), "");
            case "STEP_RAN" -> new Called(Kind.LOCAL, step, "", "");
            case "STEP_CANCELLED" -> new Called(Kind.CANCEL, step, "", "");
            case "RUN_PUBLISHED" -> new Called(Kind.PUBLISH, "", text(attributes, "key"), "");
            case "RUN_ATTRIBUTES" -> new Called(Kind.ATTRIBUTES, "", "", "");
            case "RUN_PATCHED" -> new Called(Kind.PATCH, "", text(attributes, "id"), "");
            case "RUN_SUCCEEDED" -> new Called(Kind.SUCCEED, "", "", "");
            case "RUN_FAILED" -> new Called(Kind.FAIL, "", "", "");
            case "RUN_CANCELLED" -> new Called(Kind.CANCELLED, "", "", "");
            case "RUN_CONTINUED" -> new Called(Kind.CONTINUE, "", "", "");
            default -> null;
        };
    }

    /** True when a replay takes one for the other; inputs may differ. */
    boolean isSame(Called other) {
        return kind == other.kind && step.equals(other.step) && subject.equals(other.subject);
    }

    /** What tells it from one that is shown the same. */
    String name() {
        return step.isEmpty() ? kind.name().toLowerCase(Locale.ROOT) : step;
    }

    /** As differences name it. */
    String shown() {
        return switch (kind) {
            case ACTION -> subject + "(" + detail + ")";
            case CHILD -> "child " + subject + "(" + detail + ")";
            case SLEEP -> "sleep(" + detail + ")";
            case SIGNAL -> "signal " + subject;
            case LOCAL -> "run " + step;
            case CANCEL -> "cancel " + step;
            case PUBLISH -> "publish " + subject;
            case ATTRIBUTES -> "attributes";
            case PATCH -> "patch " + subject;
            default -> "the end";
        };
    }

    private static Called scheduled(Event event, Map<String, Object> attributes) {
        boolean child = attributes.containsKey("workflow");
        return new Called(
                child ? Kind.CHILD : Kind.ACTION,
                event.getStep(),
                text(attributes, child ? "workflow" : "action"),
                input(event.getPayload()));
    }

    private static String text(Map<String, Object> attributes, String name) {
        return String.valueOf(attributes.getOrDefault(name, ""));
    }

    private static String seconds(Object value) {
        return value instanceof Number number
                ? Words.seconds(Duration.ofNanos(Math.round(number.doubleValue() * 1e9)))
                : "";
    }

    private static String input(Payload payload) {
        if (payload.hasData()) {
            return payload.getData().size() + " bytes";
        }
        String text = payload.getJson().isEmpty() ? "null" : payload.getJson();
        return text.substring(0, Math.min(text.length(), INPUT_CHARS_MAX));
    }
}
