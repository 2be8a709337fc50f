package io.stellwerk;

import io.stellwerk.v1.Command;
import io.stellwerk.v1.Timeouts;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/** Commands as servers record them: the type of the event and its attributes. Must not decide what they lead to. */
final class RecordedForms {
    private RecordedForms() {}

    static String type(Command command) {
        return switch (command.getKindCase()) {
            case ACTION, CHILD -> "STEP_SCHEDULED";
            case SLEEP -> "STEP_SLEEPING";
            case SIGNAL -> "STEP_AWAITING";
            case LOCAL -> "STEP_RAN";
            case CANCEL -> "STEP_CANCELLED";
            case PUBLISH -> "RUN_PUBLISHED";
            case ATTRIBUTES -> "RUN_ATTRIBUTES";
            case PATCH -> "RUN_PATCHED";
            case SUCCEED -> "RUN_SUCCEEDED";
            case FAIL -> "RUN_FAILED";
            case CANCELLED -> "RUN_CANCELLED";
            default -> "RUN_CONTINUED";
        };
    }

    static Map<String, Object> attributes(Command command, Instant now) {
        Map<String, Object> attributes = new LinkedHashMap<>();
        switch (command.getKindCase()) {
            case ACTION -> action(command, attributes);
            case CHILD -> child(command, attributes);
            case SLEEP -> {
                var span = Wire.span(command.getSleep().getDuration());
                attributes.put("sleep_s", number(span));
                attributes.put("due_at", VirtualClock.micros(now.plus(span)));
            }
            case SIGNAL -> {
                attributes.put("signal", command.getSignal().getSignal());
                if (command.getSignal().hasTimeout()) {
                    attributes.put(
                            "timeout",
                            Map.of(
                                    "total_s",
                                    number(Wire.span(command.getSignal().getTimeout()))));
                }
            }
            case LOCAL -> attributes.put("local", true);
            case PUBLISH -> attributes.put("key", command.getPublish().getKey());
            case ATTRIBUTES ->
                attributes.put("values", Payloads.object(command.getAttributes().getValues()));
            case PATCH -> attributes.put("id", command.getPatch().getId());
            default -> {}
        }
        return attributes;
    }

    private static void action(Command command, Map<String, Object> attributes) {
        var action = command.getAction();
        attributes.put("action", action.getAction());
        if (!action.getQueue().isEmpty()) {
            attributes.put("queue", action.getQueue());
        }
        if (action.getPriority() != 0) {
            attributes.put("priority", action.getPriority());
        }
        if (action.hasRetry()) {
            attributes.put("retry", retry(action.getRetry()));
        }
        if (action.hasTimeout()) {
            attributes.put("timeout", timeouts(action.getTimeout()));
        }
    }

    private static void child(Command command, Map<String, Object> attributes) {
        var child = command.getChild();
        attributes.put("workflow", child.getWorkflow());
        String close = child.getParentClose();
        attributes.put("parent_close", close.isEmpty() ? ParentClose.CANCEL.text() : close);
        if (child.hasRetry()) {
            attributes.put("retry", retry(child.getRetry()));
        }
        if (child.hasTimeout()) {
            attributes.put("timeout", Map.of("total_s", number(Wire.span(child.getTimeout()))));
        }
    }

    private static Map<String, Object> retry(io.stellwerk.v1.RetryPolicy policy) {
        Map<String, Object> fields = new LinkedHashMap<>();
        if (policy.hasMaxAttempts()) {
            fields.put("max_attempts", policy.getMaxAttempts());
        }
        if (policy.hasInitial()) {
            fields.put("initial_s", number(Wire.span(policy.getInitial())));
        }
        if (policy.hasBackoff()) {
            fields.put("backoff", policy.getBackoff());
        }
        if (policy.hasMax()) {
            fields.put("max_s", number(Wire.span(policy.getMax())));
        }
        if (policy.hasJitter()) {
            fields.put("jitter", policy.getJitter());
        }
        if (policy.getNonRetryableCount() > 0) {
            fields.put("non_retryable", policy.getNonRetryableList());
        }
        return fields;
    }

    private static Map<String, Object> timeouts(Timeouts timeouts) {
        Map<String, Object> fields = new LinkedHashMap<>();
        if (timeouts.hasAttempt()) {
            fields.put("attempt_s", number(Wire.span(timeouts.getAttempt())));
        }
        if (timeouts.hasTotal()) {
            fields.put("total_s", number(Wire.span(timeouts.getTotal())));
        }
        if (timeouts.hasStart()) {
            fields.put("start_s", number(Wire.span(timeouts.getStart())));
        }
        return fields;
    }

    private static double number(java.time.Duration span) {
        return span.toNanos() / 1e9;
    }
}
