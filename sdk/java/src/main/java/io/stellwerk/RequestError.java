package io.stellwerk;

import java.time.Duration;
import java.util.List;
import java.util.Map;

/** The server refused a call, or the call did not get through. */
public class RequestError extends StellwerkError {
    private final transient Facts facts;
    private final String text;

    /**
     * What is known of a refusal.
     *
     * @param code the gRPC status name ("NOT_FOUND")
     * @param reason the stable UPPER_SNAKE reason of the API ("LEASE_LOST"), empty when none was given
     * @param metadata the reason's details
     * @param fields every field problem of an INVALID_ARGUMENT
     * @param retryAfter the delay the server asked for; null when it did not
     */
    record Facts(
            String code, String reason, Map<String, String> metadata, List<FieldProblem> fields, Duration retryAfter) {
        static Facts of(String code) {
            return new Facts(code, "", Map.of(), List.of(), null);
        }
    }

    RequestError(String text, Facts facts) {
        super(describe(text, facts));
        this.text = text;
        this.facts = facts;
    }

    /** The message alone; {@link #getMessage} adds the reason and the field problems. */
    public String text() {
        return text;
    }

    /** The gRPC status name ("NOT_FOUND"). */
    public String code() {
        return facts.code();
    }

    /** The stable UPPER_SNAKE reason of the API ("LEASE_LOST"), empty when none was given. */
    public String reason() {
        return facts.reason();
    }

    /** The reason's details. */
    public Map<String, String> metadata() {
        return facts.metadata();
    }

    /** Every field problem of an INVALID_ARGUMENT. */
    public List<FieldProblem> fields() {
        return facts.fields();
    }

    /** The delay the server asked for; null when it did not. */
    public Duration retryAfter() {
        return facts.retryAfter();
    }

    private static String describe(String text, Facts facts) {
        var lines = new StringBuilder(text)
                .append(" [")
                .append(facts.reason().isEmpty() ? facts.code() : facts.reason())
                .append(']');
        for (FieldProblem problem : facts.fields()) {
            lines.append("\n  ").append(problem.field()).append(": ").append(problem.description());
        }
        return lines.toString();
    }
}
