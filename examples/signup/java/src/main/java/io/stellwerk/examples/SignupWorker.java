package io.stellwerk.examples;

import io.stellwerk.TaskContext;
import io.stellwerk.Worker;
import io.stellwerk.WorkflowContext;
import java.time.Duration;

/**
 * The signup worker: a workflow as code, which waits for an hour between two emails, and the handlers that send them.
 * Serves 127.0.0.1:7400, or STELLWERK_ADDRESS.
 */
public final class SignupWorker {
    /** An hour, unless somebody who tries it has less patience. */
    private static final Duration WAIT =
            Duration.ofSeconds(Long.parseLong(System.getenv().getOrDefault("STELLWERK_EXAMPLE_WAIT_S", "3600")));

    private SignupWorker() {}

    static Object userSignup(WorkflowContext ctx, Object input) {
        ctx.step("sendWelcomeEmail");
        ctx.wait(WAIT); // a durable timer; the worker holds nothing meanwhile
        ctx.step("sendFollowupEmail");
        return null;
    }

    static String sendWelcomeEmail(Object input, TaskContext ctx) {
        // A mail server that is asked twice under the same key sends once.
        return "welcome, sent as " + ctx.idempotencyKey();
    }

    static String sendFollowupEmail(Object input, TaskContext ctx) {
        return "how do you like it, sent as " + ctx.idempotencyKey();
    }

    public static void main(String[] args) {
        var worker = new Worker();
        worker.workflow("userSignupFlow", SignupWorker::userSignup);
        worker.register("sendWelcomeEmail", SignupWorker::sendWelcomeEmail);
        worker.register("sendFollowupEmail", SignupWorker::sendFollowupEmail);
        worker.start();
    }
}
