package io.stellwerk;

import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.ObjectReader;
import io.stellwerk.v1.Payload;

/**
 * A workflow's function ready to be called.
 *
 * @param reader reads its input
 */
record WorkflowPlan(String name, WorkflowFunction<Object> function, ObjectReader reader) {
    private static final String ACTION = "workflow:";

    static <T> WorkflowPlan of(String name, JavaType input, WorkflowFunction<T> function) {
        if (name == null || name.isEmpty()) {
            throw new IllegalArgumentException("workflow: expected a non-empty string, came " + name);
        }
        if (function == null) {
            throw new IllegalArgumentException("workflow " + Words.quoted(name) + ": expected a function, came null");
        }
        WorkflowFunction<Object> any = Payloads.cast(function);
        return new WorkflowPlan(name, any, Payloads.reader(input));
    }

    /** What decisions of a workflow are polled by. */
    static String action(String workflow) {
        return ACTION + workflow;
    }

    /** Call it. Throws whatever it throws, and InputError naming the field that does not fit. */
    Object call(WorkflowContext ctx, Payload input) throws Exception {
        return function.run(ctx, Payloads.read(input, reader));
    }
}
