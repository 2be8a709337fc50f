package io.stellwerk;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JavaType;
import java.util.Map;
import java.util.TreeMap;

/** Workflows as code that every worker of the program decides. */
public final class Workflows {
    private static final Map<String, WorkflowPlan> DEFINED = new TreeMap<>();

    private Workflows() {}

    /** Define a workflow for every worker that is started after this; its input is plain Java (Map, List, String, ...). */
    public static void define(String name, WorkflowFunction<Object> function) {
        define(name, Json.MAPPER.constructType(Object.class), function);
    }

    /** Define a workflow for every worker; its input is read as a class by Jackson. */
    public static <T> void define(String name, Class<T> input, WorkflowFunction<T> function) {
        define(name, Json.MAPPER.constructType(input), function);
    }

    /** Define a workflow for every worker; its input is a generic type. */
    public static <T> void define(String name, TypeReference<T> input, WorkflowFunction<T> function) {
        define(name, Json.MAPPER.constructType(input), function);
    }

    private static synchronized void define(String name, JavaType input, WorkflowFunction<?> function) {
        add(DEFINED, WorkflowPlan.of(name, input, function));
    }

    /** What is defined now. */
    static synchronized Map<String, WorkflowPlan> defined() {
        return new TreeMap<>(DEFINED);
    }

    /** Add one, once for a name. */
    static void add(Map<String, WorkflowPlan> plans, WorkflowPlan plan) {
        if (plans.putIfAbsent(plan.name(), plan) != null) {
            throw new IllegalArgumentException(
                    "workflow " + Words.quoted(plan.name()) + ": expected one, came a second");
        }
    }
}
