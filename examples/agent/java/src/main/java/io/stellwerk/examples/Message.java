package io.stellwerk.examples;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/** What was said in a conversation, in the form that language models take and give. */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Message(
        String role,
        @JsonProperty("tool_call_id") String toolCallId,
        String content,
        @JsonProperty("tool_calls") List<Call> toolCalls) {

    record Call(String id, String type, Function function) {
        /** The same with more of its arguments, which come in pieces. */
        Call with(String more) {
            return new Call(id, type, new Function(function.name(), function.arguments() + more));
        }
    }

    record Function(String name, String arguments) {}

    static Message ofUser(String content) {
        return new Message("user", null, content, null);
    }

    /** What the model said; {@code calls} is null for none. */
    static Message ofModel(String content, List<Call> calls) {
        return new Message("assistant", null, content, calls);
    }

    static Message ofTool(String callId, String content) {
        return new Message("tool", callId, content, null);
    }
}
