package io.stellwerk;

import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigurationException;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * OpenTelemetry's SDK and exporters for programs that have set up none; needs the optional dependencies. Must not change a
 * global OpenTelemetry that is there, and must not hold a program's end up.
 */
final class Exporting {
    private static final Logger LOGGER = LoggerFactory.getLogger("stellwerk");

    private final List<Watched> exporters = new ArrayList<>();
    private final OpenTelemetrySdk sdk;

    /** Throws ConfigurationException when the variables cannot be followed. */
    private Exporting(List<String> names) {
        // Of metrics and logs Stellwerk has nothing to tell: their exporters would be threads for nothing.
        Map<String, String> properties = Map.of(
                "otel.traces.exporter",
                String.join(",", names),
                "otel.metrics.exporter",
                "none",
                "otel.logs.exporter",
                "none");
        sdk = AutoConfiguredOpenTelemetrySdk.builder()
                .disableShutdownHook()
                .addPropertiesCustomizer(config -> properties)
                .addSpanExporterCustomizer((exporter, config) -> watched(exporter))
                .build()
                .getOpenTelemetrySdk();
    }

    /** A global OpenTelemetry with these exporters; null when no exporter can be had, or somebody else was faster. */
    static Exporting setUp(List<String> names) {
        List<String> good = names.size() == 1
                ? names
                : names.stream().filter(Exporting::canBeMade).toList();
        Exporting made = good.isEmpty() ? null : attempt(good);
        if (made == null) {
            return null;
        }
        try {
            GlobalOpenTelemetry.set(made.sdk);
            return made;
        } catch (IllegalStateException taken) {
            made.sdk.shutdown();
            return null;
        }
    }

    /** Send what is queued, for so long; blocks. Not tried where the last try failed. */
    void flush(Duration limit) {
        if (exporters.stream().allMatch(exporter -> exporter.broken)) {
            return;
        }
        CompletableResultCode sent = sdk.getSdkTracerProvider().forceFlush();
        if (!sent.join(limit.toMillis(), TimeUnit.MILLISECONDS).isSuccess()) {
            exporters.forEach(exporter -> exporter.broken = true); // until something gets out after all
        }
    }

    /** One that cannot be had must not cost the others their spans. */
    private static boolean canBeMade(String name) {
        Exporting alone = attempt(List.of(name));
        if (alone != null) {
            alone.sdk.shutdown();
        }
        return alone != null;
    }

    private static Exporting attempt(List<String> names) {
        try {
            return new Exporting(names);
        } catch (ConfigurationException error) {
            LOGGER.warn("OTEL_TRACES_EXPORTER={}: it gets no traces: {}", String.join(",", names), error.getMessage());
            return null;
        }
    }

    private SpanExporter watched(SpanExporter exporter) {
        var watched = new Watched(exporter);
        exporters.add(watched);
        return watched;
    }

    /** Knows whether the last spans got out. */
    private static final class Watched implements SpanExporter {
        private final SpanExporter exporter;
        private volatile boolean broken;

        Watched(SpanExporter exporter) {
            this.exporter = exporter;
        }

        @Override
        public CompletableResultCode export(Collection<SpanData> spans) {
            CompletableResultCode sent = exporter.export(spans);
            sent.whenComplete(() -> broken = !sent.isSuccess());
            return sent;
        }

        @Override
        public CompletableResultCode flush() {
            return exporter.flush();
        }

        @Override
        public CompletableResultCode shutdown() {
            return exporter.shutdown();
        }
    }
}
