package io.stellwerk;

/** Where a run stands. */
public enum RunState {
    /** One this SDK does not know yet. */
    UNSPECIFIED,
    PENDING,
    RUNNING,
    PAUSED,
    BLOCKED,
    SUCCEEDED,
    FAILED,
    CANCELLED,
    TERMINATED,
    TIMED_OUT,
    CONTINUED;

    /** True when the run has ended and will never change again. */
    public boolean terminal() {
        return ordinal() >= SUCCEEDED.ordinal();
    }
}
