package io.stellwerk;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.exc.InvalidDefinitionException;
import java.lang.reflect.RecordComponent;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/** Says where in a value the part is that has no JSON form, and why. Slow, for errors only. */
final class EncodeProblems {
    private EncodeProblems() {}

    static EncodeError explain(Object value, Throwable error) {
        if (isTooDeep(error)) {
            String itself = find(value, any -> false);
            String words = itself == null ? "value" : itself;
            String why = itself == null ? "it is nested too deep" : "it contains itself";
            return new EncodeError(words + " cannot be written as JSON: " + why, error);
        }
        return new EncodeError("value" + path(error) + " cannot be written as JSON: " + why(error), error);
    }

    /** True when half of a surrogate pair was written: Jackson writes whole ones as UTF-8, and halves as escapes. */
    static boolean hasHalfCharacter(byte[] json) {
        for (int index = 0; index < json.length - 2; index++) {
            if (json[index] == '\\') {
                if (json[index + 1] == 'u' && (json[index + 2] | ' ') == 'd') {
                    return true;
                }
                index++;
            }
        }
        return false;
    }

    static EncodeError notUnicode(Object value) {
        String path = find(value, EncodeProblems::isHalfText);
        return new EncodeError(
                (path == null ? "value" : path) + " cannot be written as JSON: its text is not valid Unicode", null);
    }

    private static boolean isHalfText(Object value) {
        return value instanceof CharSequence text
                && !StandardCharsets.UTF_8.newEncoder().canEncode(text);
    }

    /** Fields and indexes as Jackson has met them. */
    static String path(Throwable error) {
        var path = new StringBuilder();
        if (error instanceof JsonMappingException mapping) {
            for (JsonMappingException.Reference reference : mapping.getPath()) {
                path.append(
                        reference.getFieldName() != null
                                ? "." + reference.getFieldName()
                                : "[" + reference.getIndex() + "]");
            }
        }
        return path.toString();
    }

    private static boolean isTooDeep(Throwable error) {
        return error instanceof StackOverflowError
                || error.getMessage() != null
                        && (error.getMessage().contains("nesting depth")
                                || error.getMessage().contains("self-reference"));
    }

    private static String why(Throwable error) {
        String message = error instanceof JsonProcessingException json ? json.getOriginalMessage() : error.toString();
        if (error instanceof InvalidDefinitionException definition && definition.getType() != null) {
            return "a " + definition.getType().getRawClass().getSimpleName() + " has no JSON form";
        }
        return message;
    }

    /** The first part that matches, or is met inside itself; null: none. Without recursion: it may be deeper than that. */
    private static String find(Object value, Predicate<Object> matches) {
        if (matches.test(value)) {
            return "value";
        }
        Set<Object> around = Collections.newSetFromMap(new IdentityHashMap<>());
        Deque<Visit> stack = new ArrayDeque<>();
        stack.push(new Visit(value, null, "value", children(value).iterator()));
        around.add(value);
        while (!stack.isEmpty()) {
            Visit visit = stack.peek();
            if (!visit.children().hasNext()) {
                around.remove(stack.pop().value());
                continue;
            }
            Child child = visit.children().next();
            Iterator<Child> inside = children(child.value()).iterator();
            var next = new Visit(child.value(), visit, child.step(), inside);
            if (matches.test(child.value()) || around.contains(child.value())) {
                return next.path();
            }
            if (inside.hasNext()) {
                around.add(child.value());
                stack.push(next);
            }
        }
        return null;
    }

    private record Child(String step, Object value) {}

    private record Visit(Object value, Visit parent, String step, Iterator<Child> children) {
        String path() {
            var path = new ArrayDeque<String>();
            for (Visit visit = this; visit != null; visit = visit.parent) {
                path.push(visit.step);
            }
            return String.join("", path);
        }
    }

    private static List<Child> children(Object value) {
        List<Child> children = new ArrayList<>();
        if (value instanceof Map<?, ?> map) {
            map.forEach((key, child) -> children.add(new Child("." + key, child)));
        } else if (value instanceof Iterable<?> items) {
            items.forEach(child -> children.add(new Child("[" + children.size() + "]", child)));
        } else if (value instanceof Object[] items) {
            Arrays.asList(items).forEach(child -> children.add(new Child("[" + children.size() + "]", child)));
        } else if (value instanceof Record) {
            addComponents(value, children);
        }
        return children;
    }

    private static void addComponents(Object record, List<Child> children) {
        try {
            for (RecordComponent component : record.getClass().getRecordComponents()) {
                component.getAccessor().setAccessible(true);
                children.add(new Child(
                        "." + component.getName(), component.getAccessor().invoke(record)));
            }
        } catch (ReflectiveOperationException | RuntimeException hidden) {
            children.clear();
        }
    }
}
