package io.stellwerk;

import java.time.Instant;
import java.util.List;

/**
 * One step of a run.
 *
 * @param attempt 0 before the first
 * @param items of a foreach: how many items there are
 * @param childRunId the last run a step of kind workflow has started; empty for none
 * @param waitingFor why a READY step does not start, one sentence; empty when it does
 */
public record Step(
        String step,
        String action,
        String queue,
        StepState state,
        int attempt,
        int maxAttempts,
        Object input,
        Object output,
        Failure failure,
        Object progress,
        List<String> needs,
        int items,
        int itemsFinished,
        String waitingFor,
        String workerId,
        String childRunId,
        Instant dueTime,
        Instant readyTime,
        Instant startTime,
        Instant endTime) {}
