package io.stellwerk.conformance;

import io.stellwerk.Client;
import io.stellwerk.ClientOptions;
import io.stellwerk.StartOptions;
import io.stellwerk.TaskContext;
import io.stellwerk.Worker;
import io.stellwerk.WorkerOptions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;

/** What a program does wrong with the SDK: the error is the outcome. */
final class Misuses {
    private Misuses() {}

    static Map<String, Object> outcome(String what, TaskContext ctx) {
        return Calls.outcome(() -> {
            misuse(what, ctx);
            return null;
        });
    }

    private static void misuse(String what, TaskContext ctx) throws Exception {
        switch (what) {
            case "second_handler" ->
                new Worker().register("twice", value -> value).register("twice", value -> value);
            case "no_handler" -> new Worker().run().join();
            case "slots" -> WorkerOptions.builder().slots(0).build();
            case "polls" -> WorkerOptions.builder().polls(0).build();
            case "drain" ->
                WorkerOptions.builder().drain(Duration.ofSeconds(-1)).build();
            case "address" -> ClientOptions.builder().address("no port").build();
            case "tls_variable" -> tlsVariable();
            case "closed_client" -> closedClient();
            case "timeout" -> timeout(ctx);
            case "after_end" -> Breaking.KEPT.remove(0).step("perform");
            default -> throw new IllegalStateException("misuse: expected a known one, came " + what);
        }
    }

    /** A JVM cannot change its own environment, so another one tries it. */
    private static void tlsVariable() throws IOException, InterruptedException {
        String java = ProcessHandle.current().info().command().orElse("java");
        var builder = new ProcessBuilder(
                java, "-cp", System.getProperty("java.class.path"), Interpreter.class.getName(), "tls");
        builder.environment().put("STELLWERK_TLS", "maybe");
        Process child = builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
        String said = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        child.waitFor();
        if (!said.isEmpty()) {
            throw new IllegalArgumentException(said);
        }
    }

    private static void closedClient() {
        Client client = new Client();
        client.close();
        client.server().join();
    }

    private static void timeout(TaskContext ctx) {
        try (Client client = new Client()) {
            var options = StartOptions.builder().timeout(Duration.ZERO).build();
            client.start(ctx.workflow(), null, options).join();
        }
    }
}
