package io.stellwerk.conformance;

import io.stellwerk.Failure;
import io.stellwerk.RunCancelled;
import io.stellwerk.StepFailed;
import java.util.Map;

/** Errors of code as outcomes hold them. */
final class CodeErrors {
    private CodeErrors() {}

    static Map<String, Object> described(Throwable error) {
        if (error instanceof RunCancelled) {
            return Values.mapOf("kind", "Cancelled", "message", "");
        }
        Map<String, Object> found =
                Values.mapOf("kind", error.getClass().getSimpleName(), "message", String.valueOf(error.getMessage()));
        if (error instanceof StepFailed failed) {
            found.put("failure", failure(failed));
        }
        return found;
    }

    private static Map<String, Object> failure(StepFailed failed) {
        Map<String, Object> found =
                Values.mapOf("step", failed.step(), "type", failed.type(), "message", failed.message());
        found.put("attempt", failed.attempt());
        found.put("category", failed.category());
        found.put("details", failed.details());
        Failure cause = failed.failure().cause();
        found.put("cause", cause == null ? null : Values.mapOf("type", cause.type(), "message", cause.message()));
        return found;
    }
}
