package io.stellwerk.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.stellwerk.RunCancelled;
import io.stellwerk.testing.TestEnvironment;
import io.stellwerk.testing.TestRun;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The approval workflow under test: no server, no worker, and three days pass at once. */
class ApprovalTest {
    private static final Map<String, Object> ADA = Map.of("who", "ada", "amount", 120);

    @Test
    void whatIsApprovedIsPaid() {
        try (var env = new TestEnvironment(ApprovalWorker.worker())) {
            env.handler("approval.pay", payment -> new ApprovalWorker.Receipt(120, "ada", "a key"));
            var run = env.start("approval", ADA);
            env.skip(Duration.ofDays(2));
            assertEquals(Map.of("state", "waiting for approval"), run.published());
            assertEquals("ada", run.attributes().get("who"));
            run.signal("approval", Map.of("approved", true, "by", "Grace"));
            var receipt = new ApprovalWorker.Receipt(120, "ada", "a key");
            assertEquals(new ApprovalWorker.Paid("paid", "Grace", receipt), run.result(ApprovalWorker.Paid.class));
            assertEquals(List.of("approval.reserve", "approval.pay"), asked(run));
        }
    }

    @Test
    void nobodyAnswersForThreeDays() {
        try (var env = new TestEnvironment(ApprovalWorker.worker())) {
            var run = env.start("approval", ADA);
            assertEquals("nobody", run.result(ApprovalWorker.TurnedDown.class).by());
            assertEquals(List.of("approval.reserve", "approval.release", "approval.notify"), asked(run));
        }
    }

    @Test
    void nothingStaysSetAsideForACancelledRun() {
        try (var env = new TestEnvironment(ApprovalWorker.worker())) {
            var run = env.start("approval", ADA);
            run.cancel();
            assertThrows(RunCancelled.class, run::result);
            assertEquals(List.of("approval.reserve", "approval.release"), asked(run));
        }
    }

    /** What the run had done, in order. */
    private static List<Object> asked(TestRun run) {
        return ((List<?>) run.history().get("events"))
                .stream()
                        .map(event -> (Map<?, ?>) event)
                        .filter(event -> event.get("type").equals("STEP_SCHEDULED"))
                        .<Object>map(event -> event.get("step"))
                        .toList();
    }
}
