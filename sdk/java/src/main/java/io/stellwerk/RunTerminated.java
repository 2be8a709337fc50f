package io.stellwerk;

/** Somebody terminated the run. */
public final class RunTerminated extends RunFailed {
    RunTerminated(String runId, RunState state, Failure failure) {
        super(runId, state, failure);
    }
}
