package io.stellwerk.conformance;

import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Values of programs: read, made, filled in. Must not know any op. */
final class Values {
    private static final int BYTE_VALUES = 256;
    private static final int BIG_BITS = 80;

    private Values() {}

    @SuppressWarnings("unchecked")
    static <T> T cast(Object value) {
        return (T) value;
    }

    static List<Object> list(Object value) {
        return cast(value);
    }

    static Map<String, Object> object(Object value) {
        return value == null ? Map.of() : cast(value);
    }

    static double number(Map<String, Object> from, String name) {
        return ((Number) from.get(name)).doubleValue();
    }

    static int integer(Map<String, Object> from, String name, int otherwise) {
        return from.get(name) == null ? otherwise : ((Number) from.get(name)).intValue();
    }

    static String text(Map<String, Object> from, String name) {
        return from.get(name) == null ? "" : (String) from.get(name);
    }

    @SuppressWarnings("unchecked")
    static <E extends Throwable> E unchecked(Throwable error) throws E {
        throw (E) error;
    }

    /** A value no program can hold. */
    static Object make(String kind, int size) {
        return switch (kind) {
            case "text" -> "x".repeat(size);
            case "bytes" -> bytes(size);
            case "nothing" -> null;
            case "deep" -> deep(size);
            case "circular" -> circular();
            case "nan" -> Map.of("n", Double.NaN);
            case "infinity" -> Map.of("n", Double.POSITIVE_INFINITY);
            case "bigint" -> BigInteger.ONE.shiftLeft(BIG_BITS);
            case "function" -> Map.of("f", (Runnable) () -> {});
            case "date" -> Instant.parse("2026-01-02T03:04:05Z");
            case "lone_surrogate" -> "\ud800";
            case "bytes_inside" -> Map.of("b", new byte[] {'x'});
            default -> throw new IllegalArgumentException("kind: expected a known one, came " + kind);
        };
    }

    /** A chunk as it is streamed: {"$bytes": base64} is byte[]. */
    static Object unpacked(Object chunk) {
        return chunk instanceof Map<?, ?> map && map.containsKey("$bytes")
                ? Base64.getDecoder().decode((String) map.get("$bytes"))
                : chunk;
    }

    /** A value that may stand inside JSON. */
    static Object packed(Object value) {
        return value instanceof byte[] bytes
                ? Map.of("$bytes", Base64.getEncoder().encodeToString(bytes))
                : value;
    }

    /** The value with $run_id and $0.path replaced, wherever they stand. */
    static Object filled(Object value, String runId, List<Object> outcomes) {
        if (value instanceof Map<?, ?> map) {
            Map<Object, Object> filled = new LinkedHashMap<>();
            map.forEach((key, child) -> filled.put(key, filled(child, runId, outcomes)));
            return filled;
        }
        if (value instanceof List<?> items) {
            List<Object> filled = new ArrayList<>();
            items.forEach(child -> filled.add(filled(child, runId, outcomes)));
            return filled;
        }
        if ("$run_id".equals(value)) {
            return runId;
        }
        return value instanceof String text && text.matches("\\$[0-9].*") ? found(text, outcomes) : value;
    }

    /** The value with `=0.path`, `=value.path`, `=i` and `=run_id` replaced, wherever they stand. */
    static Object filledIn(Object value, Map<String, Object> names, List<Object> outcomes) {
        if (value instanceof Map<?, ?> map) {
            Map<Object, Object> filled = new LinkedHashMap<>();
            map.forEach((key, child) -> filled.put(key, filledIn(child, names, outcomes)));
            return filled;
        }
        if (value instanceof List<?> items) {
            List<Object> filled = new ArrayList<>();
            items.forEach(child -> filled.add(filledIn(child, names, outcomes)));
            return filled;
        }
        if (!(value instanceof String text) || !text.startsWith("=")) {
            return value;
        }
        String name = text.substring(1).split("\\.")[0];
        return name.matches("[0-9]+") ? found(text, outcomes) : followed(names.get(name), text);
    }

    /** An object whose values may be null: name, value, name, value, ... */
    static Map<String, Object> mapOf(Object... pairs) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int index = 0; index < pairs.length; index += 2) {
            map.put((String) pairs[index], pairs[index + 1]);
        }
        return map;
    }

    private static Object found(String reference, List<Object> outcomes) {
        int place = Integer.parseInt(reference.substring(1).split("\\.")[0]);
        return followed(object(outcomes.get(place)).get("ok"), reference);
    }

    /** What the reference names inside that, after its first part. */
    private static Object followed(Object begin, String reference) {
        String[] path = reference.split("\\.");
        Object found = begin;
        for (int index = 1; index < path.length; index++) {
            found = found instanceof List<?> items
                    ? items.get(Integer.parseInt(path[index]))
                    : object(found).get(path[index]);
        }
        return found;
    }

    private static byte[] bytes(int size) {
        byte[] bytes = new byte[size];
        for (int index = 0; index < size; index++) {
            bytes[index] = (byte) (index % BYTE_VALUES);
        }
        return bytes;
    }

    private static Object deep(int size) {
        List<Object> deep = new ArrayList<>();
        for (int level = 1; level < size; level++) {
            deep = new ArrayList<>(Collections.singletonList(deep));
        }
        return deep;
    }

    private static Object circular() {
        Map<String, Object> circular = new HashMap<>();
        circular.put("self", circular);
        return circular;
    }
}
