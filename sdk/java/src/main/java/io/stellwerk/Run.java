package io.stellwerk;

import java.time.Instant;
import java.util.List;

/**
 * A run as it is now. {@code steps} is empty unless it was asked for; lists come without payloads.
 *
 * @param failure null unless it failed
 * @param endTime null while it goes on
 * @param deadline null without one
 * @param parentRunId the run whose step {@code parentStep} started this one; empty for none
 */
public record Run(
        String runId,
        String namespace,
        String workflow,
        int version,
        RunState state,
        Object input,
        Object output,
        Failure failure,
        String idempotencyKey,
        Instant createTime,
        Instant endTime,
        Instant deadline,
        String forkedFrom,
        long sequence,
        String blockReason,
        String parentRunId,
        String parentStep,
        List<Step> steps) {}
