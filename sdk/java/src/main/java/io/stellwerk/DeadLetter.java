package io.stellwerk;

import java.time.Instant;

/**
 * A step whose attempts are used up, kept until somebody decides.
 *
 * @param requeuedRunId the run that goes on with it, once requeued
 */
public record DeadLetter(
        String deadLetterId,
        String runId,
        String step,
        int attempt,
        String workflow,
        String action,
        String queue,
        Object input,
        Failure failure,
        String reason,
        DeadLetterState state,
        Instant createTime,
        String requeuedRunId) {}
