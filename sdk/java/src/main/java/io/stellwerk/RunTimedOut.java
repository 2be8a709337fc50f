package io.stellwerk;

/** The run's deadline passed before it was done. */
public final class RunTimedOut extends RunFailed {
    RunTimedOut(String runId, RunState state, Failure failure) {
        super(runId, state, failure);
    }
}
