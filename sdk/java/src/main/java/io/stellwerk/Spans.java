package io.stellwerk;

import io.grpc.ClientInterceptor;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.stellwerk.v1.StartRunRequest;
import io.stellwerk.v1.StartRunResponse;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;

/**
 * The spans of one client or worker in one namespace, over OpenTelemetry's API alone. Must not fail or hold up what they
 * tell about, and must not change the trace context the server sent.
 */
final class Spans {
    private static final W3CTraceContextPropagator PROPAGATOR = W3CTraceContextPropagator.getInstance();
    private static final int MESSAGE_CHARS_MAX = 1_024;

    private final OpenTelemetry telemetry;
    private final Tracer tracer;
    private final String namespace;

    Spans(OpenTelemetry telemetry, String namespace) {
        this.telemetry = telemetry;
        this.namespace = namespace;
        this.tracer = telemetry.getTracerProvider().get("stellwerk", Target.VERSION);
    }

    /** Send a start inside its span, which the run's trace goes on from; one span, however often it is sent. */
    CompletableFuture<StartRunResponse> start(
            StartRunRequest request, BiFunction<StartRunRequest, Context, CompletableFuture<StartRunResponse>> send) {
        Context around = Context.current();
        Span span = tracer.spanBuilder("start " + request.getWorkflow())
                .setParent(request.getTraceCount() > 0 ? context(request.getTraceMap()) : around)
                .setSpanKind(SpanKind.PRODUCER)
                .setAllAttributes(aboutStart(request))
                .startSpan();
        Context inside = around.with(span);
        return send.apply(continued(request, inside), inside).whenComplete((answer, error) -> {
            if (error == null) {
                span.setAttribute("messaging.message.conversation_id", answer.getRunId());
                span.setAttribute("stellwerk.run.id", answer.getRunId());
            } else {
                fail(span, Futures.unwrapped(error));
            }
            span.end();
        });
    }

    /** The spans of a worker. */
    WorkerSpans ofWorker(String queue, String workerId) {
        return new WorkerSpans(tracer, queue, workerId, this::facts);
    }

    /** For a channel: the spans of its unary calls, if OpenTelemetry's instrumentation of gRPC is there. */
    List<ClientInterceptor> interceptors() {
        try {
            return List.of(new CallSpans(telemetry));
        } catch (LinkageError missing) { // a trace is whole without them
            return List.of();
        }
    }

    /** Do it with this context as the current one; null: as it is. */
    static void within(Context context, Runnable work) {
        if (context == null) {
            work.run();
            return;
        }
        Scope scope = context.makeCurrent();
        try {
            work.run();
        } finally {
            scope.close();
        }
    }

    /** The remote context a task or start names; an empty one when it names none. */
    static Context context(Map<String, String> carrier) {
        return PROPAGATOR.extract(Context.root(), carrier, Getter.INSTANCE);
    }

    static void fail(Span span, Throwable error) {
        fail(span, error.getClass().getSimpleName(), String.valueOf(error.getMessage()));
    }

    static void fail(Span span, String type, String message) {
        span.setAttribute("error.type", type);
        span.setStatus(StatusCode.ERROR, message.substring(0, Math.min(message.length(), MESSAGE_CHARS_MAX)));
    }

    /** What every span of ours says. */
    private AttributesBuilder facts(String operation, String type, String destination) {
        return Attributes.builder()
                .put("messaging.system", "stellwerk")
                .put("messaging.operation.name", operation)
                .put("messaging.operation.type", type)
                .put("messaging.destination.name", destination)
                .put("stellwerk.namespace", namespace);
    }

    private Attributes aboutStart(StartRunRequest request) {
        AttributesBuilder facts =
                facts("start", "send", request.getWorkflow()).put("stellwerk.workflow.name", request.getWorkflow());
        if (request.getVersion() != 0) {
            facts.put("stellwerk.workflow.version", (long) request.getVersion());
        }
        return facts.build();
    }

    /** The request with the span's own context as its trace. */
    private static StartRunRequest continued(StartRunRequest request, Context inside) {
        Map<String, String> named = new HashMap<>();
        PROPAGATOR.inject(inside, named, Map::put);
        return named.isEmpty()
                ? request
                : request.toBuilder().clearTrace().putAllTrace(named).build();
    }

    private enum Getter implements TextMapGetter<Map<String, String>> {
        INSTANCE;

        @Override
        public Iterable<String> keys(Map<String, String> carrier) {
            return carrier.keySet();
        }

        @Override
        public String get(Map<String, String> carrier, String key) {
            return carrier.get(key);
        }
    }
}
