package io.stellwerk;

/** What became of a dead letter. */
public enum DeadLetterState {
    /** One this SDK does not know yet. */
    UNSPECIFIED,
    OPEN,
    REQUEUED,
    DISCARDED
}
