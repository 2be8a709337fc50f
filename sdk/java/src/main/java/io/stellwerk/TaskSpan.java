package io.stellwerk;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.context.Context;
import io.stellwerk.v1.Failure;
import io.stellwerk.v1.TaskResult;

/** The span of one task in this worker's hands. Must not know how it was made or where it goes. */
final class TaskSpan {
    private final Span span;
    private final Context inside;

    TaskSpan(Span span, Context parent) {
        this.span = span;
        this.inside = parent.with(span);
    }

    /** The same work with this span as the current one. */
    Runnable wrap(Runnable work) {
        return inside.wrap(work);
    }

    /** The ids of the span. */
    SpanContext context() {
        return span.getSpanContext();
    }

    /** The task has its result; null: the lease was lost, so there is nobody to tell it. */
    void end(TaskResult result) {
        if (result == null) {
            Spans.fail(span, "LeaseLost", "the lease was lost");
        } else if (result.hasFailure()) {
            Failure failure = result.getFailure();
            span.addEvent("exception", exception(failure));
            Spans.fail(span, failure.getType(), failure.getMessage());
        }
        span.end();
    }

    private static Attributes exception(Failure failure) {
        AttributesBuilder facts = Attributes.builder()
                .put("exception.type", failure.getType())
                .put("exception.message", failure.getMessage());
        if (!failure.getStack().isEmpty()) {
            facts.put("exception.stacktrace", failure.getStack());
        }
        return facts.build();
    }
}
