package io.stellwerk;

/** Somebody cancelled the run. */
public final class RunCancelled extends RunFailed {
    RunCancelled(String runId, RunState state, Failure failure) {
        super(runId, state, failure);
    }
}
