package io.stellwerk;

/** What sort of a thing a run waits for. */
public enum CauseKind {
    /** One this SDK does not know yet. */
    UNSPECIFIED,
    /** The run has ended. */
    ENDED,
    /** A step sleeps. */
    TIMER,
    /** A signal has not come. */
    SIGNAL,
    /** No live worker serves the action. */
    NO_WORKER,
    /** Those who serve it have no free slot. */
    WORKERS_BUSY,
    /** A task is on its way to a worker that has room. */
    QUEUED,
    /** A worker has it. */
    LEASED,
    /** Another attempt follows. */
    BACKING_OFF,
    /** A child run has not ended. */
    CHILD_RUN,
    /** A step in the dead letters holds the run. */
    DEAD_LETTER,
    /** The code of the run could not be decided. */
    PARKED,
    /** News of the end of another run is on its way. */
    NEWS,
    /** A cancel was asked for, and the code decides how the run ends. */
    CANCELLING,
    /** Nothing will move it: a fault. */
    STALLED,
    /** The server has no database. */
    DATABASE_DOWN
}
