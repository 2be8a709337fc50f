package io.stellwerk;

import java.time.Instant;

/**
 * What will happen to a run at a moment; {@code step} is empty when it is about the run as a whole.
 *
 * <p>{@code kind} is RETRY, SLEEP, STEP_TIMEOUT, START_TIMEOUT, SIGNAL_TIMEOUT, RUN_TIMEOUT or DECISION_RETRY.
 */
public record TimerInfo(String runId, String workflow, String step, String kind, Instant dueTime) {}
