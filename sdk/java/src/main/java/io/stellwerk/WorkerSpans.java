package io.stellwerk;

import com.google.protobuf.ByteString;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.stellwerk.v1.Task;
import io.stellwerk.v1.TaskResult;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Spans of tasks, of the polls that brought them and of the calls that told their results. Must not tell of calls that
 * only carry what is not sampled. Everything in the loop.
 */
final class WorkerSpans {
    private final Tracer tracer;
    private final String queue;
    private final Attributes process;
    private final Attributes poll;
    private final Attributes complete;
    /** Spans that ended, whose results were not sent yet. */
    private final Map<ByteString, SpanContext> ended = new HashMap<>();

    private final Set<Context> delivering = new HashSet<>();

    /** What every span says. */
    interface Facts {
        AttributesBuilder of(String operation, String type, String destination);
    }

    WorkerSpans(Tracer tracer, String queue, String workerId, Facts facts) {
        this.tracer = tracer;
        this.queue = queue;
        process = by(workerId, facts.of("process", "process", queue));
        poll = by(workerId, facts.of("poll", "receive", queue));
        complete = by(workerId, facts.of("complete", "settle", queue));
    }

    /** A task has come: its span, a child of what the server named. */
    TaskSpan begin(Task task) {
        Context parent = Spans.context(task.getTraceMap());
        Span span = tracer.spanBuilder("process " + task.getAction())
                .setParent(parent)
                .setSpanKind(SpanKind.CONSUMER)
                .setAllAttributes(process)
                .setAttribute("messaging.message.conversation_id", task.getRunId())
                .setAttribute("messaging.message.id", task.getRunId() + "/" + task.getStep() + "/" + task.getAttempt())
                .setAttribute("stellwerk.workflow.name", task.getWorkflow())
                .setAttribute("stellwerk.run.id", task.getRunId())
                .setAttribute("stellwerk.step.id", task.getStep())
                .setAttribute("stellwerk.attempt", task.getAttempt())
                .setAttribute("stellwerk.action", task.getAction())
                .startSpan();
        return new TaskSpan(span, parent);
    }

    /** The task has its result, which is sent next. */
    void end(ByteString token, TaskSpan span, TaskResult result) {
        span.end(result);
        if (result != null) {
            ended.put(token, span.context());
        }
    }

    /** A poll has brought tasks. It is left out when all of them belong to traces that are not sampled. */
    void polled(List<Task> tasks, Instant began) {
        List<SpanContext> named = tasks.stream()
                .map(task -> Span.fromContext(Spans.context(task.getTraceMap())).getSpanContext())
                .toList();
        boolean anyIsNew = named.stream().anyMatch(context -> !context.isValid());
        if (anyIsNew || named.stream().anyMatch(SpanContext::isSampled)) {
            linked("poll ", poll, named, named.size())
                    .setStartTimestamp(began)
                    .startSpan()
                    .end();
        }
    }

    /** What a batch is sent in, however often: inside one span. Results that are sent again have had theirs. */
    Context delivering(List<TaskResult> batch) {
        List<SpanContext> told = batch.stream()
                .map(result -> ended.remove(result.getToken()))
                .filter(Objects::nonNull)
                .toList();
        if (told.stream().noneMatch(SpanContext::isSampled)) {
            // The spans of the call itself go by the flag of what it is about.
            return told.isEmpty() ? Context.root() : Context.root().with(Span.wrap(told.get(0)));
        }
        Span span = linked("complete ", complete, told, batch.size()).startSpan();
        Context inside = Context.root().with(span);
        delivering.add(inside);
        return inside;
    }

    /** The batch has its answer. */
    void delivered(Context inside) {
        if (delivering.remove(inside)) {
            Span.fromContext(inside).end();
        }
    }

    /** No answer comes any more. */
    void close() {
        for (Context inside : delivering) {
            Spans.fail(Span.fromContext(inside), "StellwerkError", "the worker has ended");
            Span.fromContext(inside).end();
        }
        delivering.clear();
    }

    private SpanBuilder linked(String operation, Attributes facts, List<SpanContext> about, int count) {
        SpanBuilder builder = tracer.spanBuilder(operation + queue)
                .setNoParent()
                .setSpanKind(SpanKind.CLIENT)
                .setAllAttributes(facts)
                .setAttribute("messaging.batch.message_count", count);
        about.stream().filter(SpanContext::isSampled).forEach(builder::addLink);
        return builder;
    }

    private static Attributes by(String workerId, AttributesBuilder facts) {
        return facts.put("messaging.client.id", workerId)
                .put("stellwerk.worker.id", workerId)
                .build();
    }
}
