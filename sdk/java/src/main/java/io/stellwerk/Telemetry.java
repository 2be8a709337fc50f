package io.stellwerk;

import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.TracerProvider;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether this program is traced, and setting that up once as the OTEL_* variables say. Must not load OpenTelemetry's SDK
 * where nobody asked for it: without it every hook in this SDK is one check for null.
 */
final class Telemetry {
    private static final Logger LOGGER = LoggerFactory.getLogger("stellwerk");
    /** How long the end of a client, a worker or the program waits for spans to get out. */
    private static final Duration FLUSH = Duration.ofSeconds(2);

    private static final List<String> ENDPOINTS =
            List.of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT");
    private static boolean looked;
    private static volatile Exporting exporting;

    private Telemetry() {}

    /** Send traces where the variables say, unless the program (or an agent) has a global OpenTelemetry of its own. */
    static synchronized void configure() {
        if (looked) {
            return;
        }
        looked = true;
        List<String> names = exportersWanted(Telemetry::variable);
        if (names.isEmpty() || isGlobalSet()) {
            return;
        }
        try {
            exporting = Exporting.setUp(names);
        } catch (LinkageError missing) {
            LOGGER.warn(
                    "OTEL_* variables ask for traces; that needs io.opentelemetry:opentelemetry-sdk-extension-autoconfigure"
                            + " and :opentelemetry-exporter-otlp on the class path ({})",
                    missing.toString());
        }
        if (exporting != null) {
            flushAtExit();
        }
    }

    /** What makes the spans of a client or worker; null when nothing is traced. */
    static Spans spans(String namespace) {
        if (isDisabled(Telemetry::variable) || !isGlobalSet()) {
            return null;
        }
        OpenTelemetry telemetry = GlobalOpenTelemetry.get();
        return telemetry.getTracerProvider() == TracerProvider.noop() ? null : new Spans(telemetry, namespace);
    }

    /** Send what was ended so far, if it was us who set the sending up; blocks a little, never long. */
    static void flush() {
        Exporting ours = exporting;
        if (ours != null) {
            ours.flush(FLUSH);
        }
    }

    /** Names of the exporters: those of OTEL_TRACES_EXPORTER, else "otlp" when an endpoint is named, else none. */
    static List<String> exportersWanted(UnaryOperator<String> variables) {
        if (isDisabled(variables)) {
            return List.of();
        }
        String named = variables.apply("OTEL_TRACES_EXPORTER");
        if (named.isEmpty()) {
            boolean somewhere =
                    ENDPOINTS.stream().anyMatch(name -> !variables.apply(name).isEmpty());
            return somewhere ? List.of("otlp") : List.of();
        }
        Stream<String> parts = Arrays.stream(named.split(",")).map(String::strip);
        return parts.filter(name -> !name.isEmpty() && !name.equals("none"))
                .distinct()
                .toList();
    }

    private static boolean isDisabled(UnaryOperator<String> variables) {
        return variables.apply("OTEL_SDK_DISABLED").equalsIgnoreCase("true");
    }

    /** A variable as OpenTelemetry for Java reads it: the system property of that name comes first. Empty without one. */
    private static String variable(String name) {
        String property = System.getProperty(name.toLowerCase(Locale.ROOT).replace('_', '.'), "")
                .strip();
        String value = System.getenv(name);
        return property.isEmpty() && value != null ? value.strip() : property;
    }

    /** Asking for the global one itself would set it for good, to one that does nothing. */
    private static boolean isGlobalSet() {
        try {
            return GlobalOpenTelemetry.isSet();
        } catch (NoSuchMethodError olderApi) { // somebody's bill of materials holds it down
            return exporting != null;
        }
    }

    private static void flushAtExit() {
        try {
            Runtime.getRuntime().addShutdownHook(new Thread(Telemetry::flush, "stellwerk-spans"));
        } catch (IllegalStateException shuttingDown) {
            LOGGER.debug("the JVM ends, and with it the spans");
        }
    }
}
