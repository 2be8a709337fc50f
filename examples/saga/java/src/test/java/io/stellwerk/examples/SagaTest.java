package io.stellwerk.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.core.type.TypeReference;
import io.stellwerk.RetryableError;
import io.stellwerk.RunFailed;
import io.stellwerk.testing.TestEnvironment;
import io.stellwerk.testing.TestRun;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The saga under test: what is undone, and in which order, without a server. */
class SagaTest {
    @Test
    void aTripIsBooked() {
        try (var env = new TestEnvironment(SagaWorker.worker())) {
            var booked = env.start("saga", Map.of("to", "Rome")).result(new TypeReference<List<String>>() {});
            assertEquals(
                    List.of("flight", "hotel", "car"),
                    booked.stream().map(each -> each.split(" ")[0]).toList());
        }
    }

    @Test
    void aTripWithoutACarIsUndoneFromItsEnd() {
        try (var env = new TestEnvironment(SagaWorker.worker())) {
            var run = env.start("saga", Map.of("to", "Venice"));
            assertEquals(
                    "NoCars",
                    assertThrows(RunFailed.class, run::result).failure().type());
            assertEquals(
                    List.of("book-flight", "book-hotel", "book-car", "undo-car", "undo-hotel", "undo-flight"),
                    asked(run));
        }
    }

    @Test
    void whatMayHaveBeenBookedIsUndoneToo() {
        try (var env = new TestEnvironment(SagaWorker.worker())) {
            env.handler("saga.book", SagaWorker.Booking.class, booking -> {
                if (booking.what().equals("hotel")) {
                    throw new RetryableError("the line was cut, who knows when");
                }
                return "booked";
            });
            var run = env.start("saga", Map.of("to", "Rome"));
            assertThrows(RunFailed.class, run::result);
            assertEquals(List.of("book-flight", "book-hotel", "undo-hotel", "undo-flight"), asked(run));
        }
    }

    /** What the run had done, in order. */
    private static List<Object> asked(TestRun run) {
        return ((List<?>) run.history().get("events"))
                .stream()
                        .map(event -> (Map<?, ?>) event)
                        .filter(event -> event.get("type").equals("STEP_SCHEDULED"))
                        .filter(event -> "1".equals(String.valueOf(event.get("attempt"))))
                        .<Object>map(event -> event.get("step"))
                        .toList();
    }
}
