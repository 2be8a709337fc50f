package io.stellwerk;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the OTEL_* variables ask for. */
class TelemetryTest {
    private static List<String> wanted(Map<String, String> variables) {
        return Telemetry.exportersWanted(name -> variables.getOrDefault(name, ""));
    }

    @Test
    void nothingIsAskedForWithoutVariables() {
        assertEquals(List.of(), wanted(Map.of("OTEL_SERVICE_NAME", "orders")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"})
    void anEndpointIsEnough(String name) {
        assertEquals(List.of("otlp"), wanted(Map.of(name, "http://localhost:4317")));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    otlp            | otlp
                    ' console,otlp '| console otlp
                    otlp,,none,otlp | otlp
                    none            | ''
                    """)
    void exportersAreNamed(String value, String expected) {
        List<String> names = Arrays.stream(expected.split(" "))
                .filter(name -> !name.isEmpty())
                .toList();
        String endpoint = "http://localhost:4317";
        assertEquals(
                names, wanted(Map.of("OTEL_TRACES_EXPORTER", value.strip(), "OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)));
    }

    @ParameterizedTest
    @CsvSource({"true,0", "TRUE,0", "false,1", "1,1"})
    void disabledIsOffWhateverElseIsSet(String disabled, int exporters) {
        var variables = Map.of("OTEL_SDK_DISABLED", disabled, "OTEL_TRACES_EXPORTER", "otlp");
        assertEquals(exporters, wanted(variables).size());
    }
}
