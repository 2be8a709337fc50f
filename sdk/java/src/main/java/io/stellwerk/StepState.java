package io.stellwerk;

/** Where a step stands. WAITING is a retry or a timer; DEAD stands in the dead letters. */
public enum StepState {
    /** One this SDK does not know yet. */
    UNSPECIFIED,
    PENDING,
    READY,
    LEASED,
    WAITING,
    SUCCEEDED,
    FAILED,
    SKIPPED,
    CANCELLED,
    DEAD
}
