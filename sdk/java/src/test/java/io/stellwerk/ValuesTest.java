package io.stellwerk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.core.type.TypeReference;
import io.stellwerk.v1.Payload;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Java values to payloads and back. */
class ValuesTest {
    record Line(String sku, int count, BigDecimal price) {}

    record Order(String customer, long total, List<Line> lines, Instant at, Size size) {}

    enum Size {
        SMALL,
        LARGE
    }

    private static String json(Object value) {
        return Payloads.encode(value).getJson();
    }

    private static Object parsed(String json) {
        return Payloads.decode(FakeServer.json(json));
    }

    private static <T> T read(String json, Class<T> type) {
        return Payloads.decode(FakeServer.json(json), Json.MAPPER.constructType(type));
    }

    @Test
    void plainValuesKeepEveryDigit() {
        BigInteger big = BigInteger.TEN.pow(40);
        assertEquals(big, parsed(json(big)));
        assertEquals(9007199254740993L, parsed("9007199254740993"));
        assertEquals(
                Map.of("x", 1.5, "s", "ü😀", "l", List.of(true)), parsed("{\"x\":1.5,\"s\":\"ü😀\",\"l\":[true]}"));
        assertEquals("\"ü😀\"", json("ü😀"));
        assertEquals("null", json(null));
        assertNull(parsed("null"));
        assertNull(Payloads.decode(Payload.getDefaultInstance()));
        assertArrayEquals(new byte[] {0, -1}, (byte[]) Payloads.decode(Payloads.encode(new byte[] {0, -1})));
    }

    @Test
    void recordsAndTheirLikeHaveAJsonForm() {
        var order = new Order("ann", 3, List.of(new Line("a", 1, new BigDecimal("1.10"))), Instant.EPOCH, Size.LARGE);
        String text = json(order);
        assertEquals(
                "{\"customer\":\"ann\",\"total\":3,\"lines\":[{\"sku\":\"a\",\"count\":1,\"price\":\"1.10\"}],"
                        + "\"at\":\"1970-01-01T00:00:00Z\",\"size\":\"LARGE\"}",
                text);
        assertEquals(order, read(text, Order.class));
        assertEquals("\"00000000-0000-0001-0000-000000000002\"", json(new UUID(1, 2)));
    }

    static Stream<Arguments> refusedOutputs() {
        Map<String, Object> circular = new HashMap<>();
        circular.put("self", List.of(circular));
        List<Object> deep = new ArrayList<>();
        for (int level = 0; level < 100_000; level++) {
            deep = new ArrayList<>(List.of(deep));
        }
        return Stream.of(
                Arguments.of(Map.of("a", List.of(1, Double.NaN)), "value.a[1]", "NaN is not JSON"),
                Arguments.of(Float.NEGATIVE_INFINITY, "value", "-Infinity is not JSON"),
                Arguments.of(circular, "value.self[0]", "it contains itself"),
                Arguments.of(deep, "value", "it is nested too deep"),
                Arguments.of(List.of("ok", "\ud800x"), "value[1]", "its text is not valid Unicode"),
                Arguments.of(
                        Map.of("b", new byte[1]), "value.b", "bytes travel only as the whole value, not inside JSON"),
                Arguments.of(Map.of("f", (Runnable) () -> {}), "value.f", "a function has no JSON form"),
                Arguments.of(new Object(), "value", "a Object has no JSON form"));
    }

    @ParameterizedTest
    @MethodSource("refusedOutputs")
    void whatHasNoJsonFormIsNamedWithItsPlace(Object value, String path, String why) {
        var error = assertThrows(EncodeError.class, () -> Payloads.encode(value));
        assertEquals(path + " cannot be written as JSON: " + why, error.getMessage());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"customer\":1,\"total\":1}|input.customer: expected a string, came 1",
                "{\"customer\":\"a\",\"total\":\"two\"}|input.total: expected an integer, came 'two'",
                "{\"customer\":\"a\",\"total\":1.5}|input.total: expected an integer, came 1.5",
                "{\"customer\":\"a\"}|input.total: expected a value, came nothing",
                "{\"total\":1,\"lines\":[{\"count\":1},{\"count\":[]}]}|input.lines[1].count: expected an integer, came an array",
                "{\"total\":1,\"lines\":{}}|input.lines: expected an array, came an object",
                "{\"total\":1,\"size\":\"HUGE\"}|input.size: expected one of 'SMALL', 'LARGE', came 'HUGE'",
                "{\"total\":1,\"at\":\"soon\"}|input.at: expected an ISO 8601 Instant, came 'soon'",
                "[1]|input: expected an object (Order), came an array",
            })
    void anInputThatDoesNotFitNamesTheField(String json, String words) {
        var error = assertThrows(InputError.class, () -> read(json, Order.class));
        assertEquals(words, error.getMessage());
    }

    @Test
    void bytesAndBrokenJsonAreNoObjects() {
        var payload = Payloads.encode(new byte[1]);
        var bytes =
                assertThrows(InputError.class, () -> Payloads.decode(payload, Json.MAPPER.constructType(Order.class)));
        assertEquals("input: expected an object (Order), came bytes", bytes.getMessage());
        assertEquals(
                "input",
                assertThrows(InputError.class, () -> parsed("{\"a\":NaN}")).field());
        assertEquals(
                "bytes",
                assertThrows(InputError.class, () -> read("1", byte[].class)).expected());
    }

    @Test
    void genericTypesAreRead() {
        var type = Json.MAPPER.constructType(new TypeReference<List<Line>>() {});
        List<Line> lines = Payloads.decode(FakeServer.json("[{\"sku\":\"a\",\"count\":2,\"unknown\":1}]"), type);
        assertEquals(List.of(new Line("a", 2, null)), lines);
    }
}
