package io.stellwerk;

import java.time.Instant;
import java.util.List;

/**
 * One thing a run waits for; what its kind has nothing to say of is empty, 0 or null.
 *
 * @param step the first of the steps that wait for this; empty for the run as a whole and for a decision of its code
 * @param steps how many steps wait for this
 * @param dueTime when it goes on by itself
 * @param timeoutTime when the wait is given up
 * @param ahead tasks that are handed out before, up to 1,000
 */
public record Cause(
        CauseKind kind,
        String sentence,
        String step,
        long steps,
        Instant dueTime,
        Instant sinceTime,
        Instant timeoutTime,
        String signal,
        String action,
        String queue,
        String workerId,
        Instant lastSeenTime,
        List<String> otherQueues,
        List<String> similar,
        int attempt,
        int maxAttempts,
        int workers,
        int slots,
        int busySlots,
        int ahead,
        String childRunId,
        RunState childState,
        String childSummary,
        String reason,
        Failure failure,
        String deadLetterId,
        String build) {}
