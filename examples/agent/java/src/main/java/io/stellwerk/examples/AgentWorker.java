package io.stellwerk.examples;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.stellwerk.Worker;
import io.stellwerk.WorkflowContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * The agent worker: a workflow that talks with a language model, and its tools; the model's words are streamed. Serves
 * 127.0.0.1:7400, or STELLWERK_ADDRESS; the model is at OPENAI_BASE_URL.
 */
public final class AgentWorker {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int TURNS = 20;

    /**
     * {@code messages}: said before, in an earlier run. {@code turns}: of the model in one run; then the conversation goes
     * on in a new one, with a short history.
     */
    record Task(String question, List<Message> messages, Integer turns) {}

    private AgentWorker() {}

    static Object agent(WorkflowContext ctx, Task task) {
        var messages = new ArrayList<Message>(
                task.messages() == null ? List.of(Message.ofUser(task.question())) : task.messages());
        int turns = task.turns() == null ? TURNS : task.turns();
        for (int turn = 0; turn < turns; turn++) {
            var reply = ctx.step("agent.think", messages, Message.class);
            messages.add(reply);
            ctx.publish("conversation", messages);
            if (reply.toolCalls() == null) {
                return reply.content();
            }
            messages.addAll(ctx.all(
                    reply.toolCalls().stream().map(call -> useTool(ctx, call)).toList()));
            ctx.publish("conversation", messages);
        }
        ctx.continueAsNew(Map.of("messages", messages, "turns", turns));
        return null;
    }

    /** What a tool gives, or why it gives nothing: the model is told either. */
    private static CompletableFuture<Message> useTool(WorkflowContext ctx, Message.Call call) {
        return runTool(ctx, call)
                .exceptionally(error -> "it failed: " + error.getMessage())
                .thenApply(content -> Message.ofTool(call.id(), content));
    }

    private static CompletableFuture<String> runTool(WorkflowContext ctx, Message.Call call) {
        try {
            var arguments = JSON.readTree(call.function().arguments());
            return switch (call.function().name()) {
                case "weather" -> ctx.stepAsync("agent.weather", arguments, String.class);
                case "refund" -> refund(ctx, arguments, call.id());
                default ->
                    CompletableFuture.completedFuture(
                            "there is no tool '" + call.function().name() + "'");
            };
        } catch (JsonProcessingException error) {
            return CompletableFuture.failedFuture(error);
        }
    }

    /** Ask a person first: the question is published, the answer is a signal with the call's id. */
    private static CompletableFuture<String> refund(WorkflowContext ctx, JsonNode arguments, String callId) {
        ctx.publish(
                callId,
                "may order %s be refunded?".formatted(arguments.path("order").asText()));
        return ctx.waitSignalAsync(callId, Boolean.class).thenCompose(allowed -> {
            ctx.publish(callId, allowed ? "yes" : "no");
            return allowed
                    ? ctx.stepAsync("agent.refund", arguments, String.class)
                    : CompletableFuture.completedFuture("a person has refused it");
        });
    }

    record City(String city) {}

    static String weather(City asked) {
        return "%d °C and sunny in %s".formatted(asked.city().length() * 3, asked.city());
    }

    record Order(String order) {}

    static String payBack(Order asked) {
        return "order %s is refunded".formatted(asked.order());
    }

    public static void main(String[] args) {
        var worker = new Worker();
        worker.workflow("agent", Task.class, AgentWorker::agent);
        worker.register("agent.think", new TypeReference<List<Message>>() {}, Model::think);
        worker.register("agent.weather", City.class, AgentWorker::weather);
        worker.register("agent.refund", Order.class, AgentWorker::payBack);
        worker.start();
    }
}
