package io.stellwerk;

import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.ObjectReader;
import io.stellwerk.v1.Payload;

/**
 * A handler ready to be called: nothing about it is worked out again while tasks run.
 *
 * @param reader reads its input
 */
record HandlerPlan(String action, ContextHandler<Object> handler, ObjectReader reader) {
    static <T> HandlerPlan of(String action, JavaType input, ContextHandler<T> handler) {
        if (action == null || action.isEmpty()) {
            throw new IllegalArgumentException("action: expected a non-empty string, came " + action);
        }
        if (handler == null) {
            throw new IllegalArgumentException("handler of " + Words.quoted(action) + ": expected one, came null");
        }
        ContextHandler<Object> any = Payloads.cast(handler);
        return new HandlerPlan(action, any, Payloads.reader(input));
    }

    /** Call it. Throws whatever it throws, and InputError naming the field that does not fit. */
    Object call(Payload input, TaskContext ctx) throws Exception {
        return handler.handle(Payloads.read(input, reader), ctx);
    }
}
