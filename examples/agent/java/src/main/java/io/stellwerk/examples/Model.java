package io.stellwerk.examples;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.stellwerk.TaskContext;
import io.stellwerk.TerminalError;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/** The language model as the worker sees it: OpenAI's chat completions, as server-sent events. Knows nothing of workflows. */
final class Model {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final String BASE_URL = System.getenv().getOrDefault("OPENAI_BASE_URL", "https://api.openai.com/v1");
    private static final String MODEL = System.getenv().getOrDefault("OPENAI_MODEL", "gpt-4o-mini");
    private static final String KEY = System.getenv("OPENAI_API_KEY");

    private Model() {}

    /** Give the conversation to the model and its words to whoever watches the run, then its whole message. */
    static Message think(List<Message> messages, TaskContext ctx) throws IOException, InterruptedException {
        var response = HTTP.send(request(messages), BodyHandlers.ofLines());
        if (response.statusCode() != 200) {
            throw refusal(response);
        }
        try (var lines = response.body()) {
            return read(lines, ctx);
        }
    }

    /** Read the pieces of the message as they come. A stream that is cut off fails the step, which is tried again. */
    private static Message read(Stream<String> lines, TaskContext ctx) throws IOException {
        var content = new StringBuilder();
        var calls = new ArrayList<Message.Call>();
        for (var line : (Iterable<String>) lines.filter(each -> each.startsWith("data:"))::iterator) {
            var data = line.substring("data:".length()).strip();
            if (data.equals("[DONE]")) {
                return Message.ofModel(content.toString(), calls.isEmpty() ? null : calls);
            }
            var delta = JSON.readTree(data).path("choices").path(0).path("delta");
            var text = delta.path("content").asText("");
            if (!text.isEmpty()) {
                content.append(text);
                ctx.stream(text);
            }
            delta.path("tool_calls").forEach(part -> add(calls, part));
        }
        throw new IOException("the model's answer was cut off");
    }

    private static HttpRequest request(List<Message> messages) throws IOException {
        var tools = JSON.readTree(Objects.requireNonNull(Model.class.getResourceAsStream("/tools.json")));
        var body = Map.of("model", MODEL, "messages", messages, "tools", tools, "stream", true);
        var request = HttpRequest.newBuilder(URI.create(BASE_URL + "/chat/completions"))
                .header("content-type", "application/json")
                .POST(BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body)));
        return (KEY == null ? request : request.header("authorization", "Bearer " + KEY)).build();
    }

    private static RuntimeException refusal(HttpResponse<?> response) {
        int status = response.statusCode();
        if (status == 429 || status >= 500) {
            return new IllegalStateException("the model is busy: " + status);
        }
        return new TerminalError("the model refused: " + status, "ModelRefused", null);
    }

    /** Put a piece of a tool call to its call: the first has id and name, all have some of the arguments. */
    private static void add(List<Message.Call> calls, JsonNode part) {
        int index = part.path("index").asInt();
        var function = part.path("function");
        if (index == calls.size()) {
            var named = new Message.Function(function.path("name").asText(), "");
            calls.add(new Message.Call(part.path("id").asText(), "function", named));
        }
        calls.set(index, calls.get(index).with(function.path("arguments").asText("")));
    }
}
