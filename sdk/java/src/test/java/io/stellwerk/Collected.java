package io.stellwerk;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/** Keeps every span that ended, for a test to look at. */
final class Collected implements SpanExporter {
    private final List<SpanData> spans = new ArrayList<>();

    /** OpenTelemetry that tells this. */
    OpenTelemetrySdk telemetry() {
        var provider = SdkTracerProvider.builder().addSpanProcessor(SimpleSpanProcessor.create(this));
        return OpenTelemetrySdk.builder().setTracerProvider(provider.build()).build();
    }

    @Override
    public synchronized CompletableResultCode export(Collection<SpanData> ended) {
        spans.addAll(ended);
        return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode flush() {
        return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode shutdown() {
        return CompletableResultCode.ofSuccess();
    }

    synchronized List<String> names() {
        return spans.stream().map(SpanData::getName).toList();
    }

    synchronized List<SpanData> all(String name) {
        return spans.stream().filter(span -> span.getName().equals(name)).toList();
    }

    /** The only span of this name. */
    synchronized SpanData one(String name) {
        List<SpanData> found = all(name);
        if (found.size() != 1) {
            throw new AssertionError("expected one " + name + ", came " + names());
        }
        return found.get(0);
    }

    static String text(SpanData span, String attribute) {
        return span.getAttributes().get(AttributeKey.stringKey(attribute));
    }
}
