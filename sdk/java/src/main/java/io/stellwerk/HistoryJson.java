package io.stellwerk;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import com.google.protobuf.Timestamp;
import io.stellwerk.v1.Event;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Histories as `stellwerk run history --json` writes them: {run_id, workflow, version, events}, each event in the JSON form
 * of its message. Must not interpret an event.
 */
final class HistoryJson {
    private HistoryJson() {}

    /** What the document says. */
    record History(String runId, String workflow, List<Event> events) {}

    static Map<String, Object> write(String runId, String workflow, List<Event> events) {
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("run_id", runId);
        document.put("workflow", workflow);
        document.put("version", 1);
        document.put("events", events.stream().map(HistoryJson::fields).toList());
        return document;
    }

    /** Read a document: its text, or what a parser made of it. */
    static History read(Object history) {
        if (history instanceof CharSequence text) {
            return read(parse(text.toString()));
        }
        if (!(history instanceof Map<?, ?> document) || !(document.get("events") instanceof List<?> events)) {
            throw new IllegalArgumentException("history: expected what `stellwerk run history --json` writes, came "
                    + Words.shortened(String.valueOf(history)));
        }
        List<Event> read = new ArrayList<>();
        for (Object event : events) {
            read.add((Event) fill(Event.newBuilder(), (Map<?, ?>) event).build());
        }
        return new History(text(document, "run_id"), text(document, "workflow"), read);
    }

    private static Object parse(String text) {
        try {
            return Json.MAPPER.readValue(text, Object.class);
        } catch (JsonProcessingException error) {
            throw new IllegalArgumentException("history: " + error.getOriginalMessage(), error);
        }
    }

    private static String text(Map<?, ?> document, String name) {
        Object value = document.get(name);
        return value == null ? "" : value.toString();
    }

    private static Map<String, Object> fields(Message message) {
        Map<String, Object> fields = new LinkedHashMap<>();
        message.getAllFields().forEach((field, value) -> {
            if (field.isMapField() || field.isRepeated()) {
                return; // events have none
            }
            fields.put(field.getJsonName(), value(value));
        });
        return fields;
    }

    private static Object value(Object value) {
        if (value instanceof Timestamp stamp) {
            return Wire.instant(true, stamp).toString();
        }
        if (value instanceof Duration span) {
            return Words.seconds(Wire.span(span)) + "s";
        }
        if (value instanceof Message message) {
            return fields(message);
        }
        if (value instanceof ByteString bytes) {
            return Base64.getEncoder().encodeToString(bytes.toByteArray());
        }
        if (value instanceof EnumValueDescriptor constant) {
            return constant.getName();
        }
        return value instanceof Long number ? number.toString() : value;
    }

    private static Message.Builder fill(Message.Builder message, Map<?, ?> fields) {
        for (FieldDescriptor field : message.getDescriptorForType().getFields()) {
            Object given = fields.get(field.getJsonName());
            if (given != null && !field.isRepeated()) {
                message.setField(field, read(message, field, given));
            }
        }
        return message;
    }

    private static Object read(Message.Builder around, FieldDescriptor field, Object given) {
        return switch (field.getJavaType()) {
            case MESSAGE -> message(around.newBuilderForField(field), given);
            case BYTE_STRING -> ByteString.copyFrom(Base64.getDecoder().decode(given.toString()));
            case ENUM -> field.getEnumType().findValueByName(given.toString());
            case LONG -> Long.parseLong(given.toString());
            case INT -> Integer.parseInt(given.toString());
            case BOOLEAN -> Boolean.parseBoolean(given.toString());
            default -> given.toString();
        };
    }

    private static Message message(Message.Builder message, Object given) {
        if (message instanceof Timestamp.Builder) {
            return Wire.timestamp(Instant.parse(given.toString()));
        }
        if (message instanceof Duration.Builder) {
            String text = given.toString();
            return Wire.duration(Wire.span(Double.parseDouble(text.substring(0, text.length() - 1))));
        }
        return fill(message, (Map<?, ?>) given).build();
    }
}
