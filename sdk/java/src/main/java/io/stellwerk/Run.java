package io.stellwerk;

import java.time.Instant;
import java.util.List;
import java.util.Map;

/**
 * A run as it is now. {@code steps} is empty unless it was asked for; lists come without payloads.
 *
 * @param failure null unless it failed
 * @param endTime null while it goes on
 * @param deadline null without one
 * @param parentRunId the run whose step {@code parentStep} started this one; empty for none
 * @param published what its code has published, by key; lists come without
 * @param attributes what it can be found by
 * @param waitingFor one sentence when no worker decides this run of a code workflow; else empty
 * @param continuedAs the run that goes on after a CONTINUED one; else empty
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
        List<Step> steps,
        Map<String, Object> published,
        Map<String, Object> attributes,
        String waitingFor,
        String continuedAs) {}
