package io.stellwerk;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.exc.ValueInstantiationException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.temporal.Temporal;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;

/** Says which field of an input does not fit, what was expected and what came. Slow, for errors only. */
final class InputProblems {
    private static final int JSON_CHARS_SHOWN = 40;
    private static final Set<Class<?>> INTEGERS = Set.of(
            int.class, long.class, short.class, byte.class, Integer.class, Long.class, Short.class, BigInteger.class);
    private static final Set<Class<?>> NUMBERS =
            Set.of(double.class, float.class, Double.class, Float.class, Number.class);

    private InputProblems() {}

    static InputError explain(String json, JsonProcessingException error) {
        if (!(error instanceof JsonMappingException mapping)) {
            String begin = json.substring(0, Math.min(json.length(), JSON_CHARS_SHOWN));
            String came = Words.quoted(begin) + " (" + error.getOriginalMessage() + ")";
            return new InputError("input", "JSON", came, error);
        }
        String field = "input" + EncodeProblems.path(mapping);
        if (mapping instanceof ValueInstantiationException refused) {
            String reason = refused.getCause() == null
                    ? refused.getOriginalMessage()
                    : refused.getCause().getMessage();
            String type = refused.getType().getRawClass().getSimpleName();
            return new InputError(field, "a valid " + type, String.valueOf(reason), error);
        }
        JsonNode came = at(json, mapping.getPath());
        if (came == null || came.isMissingNode()) {
            return new InputError(field, "a value", "nothing", error);
        }
        Class<?> target = mapping instanceof MismatchedInputException mismatch ? mismatch.getTargetType() : null;
        String expected = target == null ? mapping.getOriginalMessage() : expected(target);
        return new InputError(field, expected, described(came), error);
    }

    static String expected(JavaType type) {
        return expected(type.getRawClass());
    }

    /** A class as the value of JSON that fits it. */
    static String expected(Class<?> type) {
        if (INTEGERS.contains(type)) {
            return "an integer";
        }
        if (NUMBERS.contains(type)) {
            return "a number";
        }
        if (type == BigDecimal.class) {
            return "a decimal number";
        }
        if (type == boolean.class || type == Boolean.class) {
            return "a boolean";
        }
        if (CharSequence.class.isAssignableFrom(type)) {
            return "a string";
        }
        if (type.isEnum()) {
            return "one of "
                    + Arrays.stream(type.getEnumConstants())
                            .map(constant -> Words.quoted(constant.toString()))
                            .collect(Collectors.joining(", "));
        }
        return expectedShape(type);
    }

    private static String expectedShape(Class<?> type) {
        if (type == UUID.class) {
            return "a UUID";
        }
        if (type == byte[].class) {
            return "bytes";
        }
        if (Temporal.class.isAssignableFrom(type)) {
            return "an ISO 8601 " + type.getSimpleName();
        }
        if (type.isArray() || Collection.class.isAssignableFrom(type)) {
            return "an array";
        }
        return Map.class.isAssignableFrom(type) ? "an object" : "an object (" + type.getSimpleName() + ")";
    }

    /** JSON text named without showing all of it. */
    static String described(String json) {
        JsonNode node = at(json, List.of());
        return node == null ? "no JSON" : described(node);
    }

    private static String described(JsonNode value) {
        if (value.isObject()) {
            return "an object";
        }
        if (value.isArray()) {
            return "an array";
        }
        return Words.shortened(value.isTextual() ? Words.quoted(value.asText()) : value.asText());
    }

    private static JsonNode at(String json, List<JsonMappingException.Reference> path) {
        try {
            JsonNode node = Json.MAPPER.readTree(json);
            for (JsonMappingException.Reference reference : path) {
                node = reference.getFieldName() != null
                        ? node.path(reference.getFieldName())
                        : node.path(reference.getIndex());
            }
            return node;
        } catch (JsonProcessingException error) {
            return null;
        }
    }
}
