package io.stellwerk;

/**
 * Somebody cancelled the run. A client gets it when the run has ended so; the code of a workflow gets it from the wait
 * that is given up, and may clean up or go on.
 */
public final class RunCancelled extends RunFailed {
    RunCancelled(String runId, RunState state, Failure failure) {
        super(runId, state, failure);
    }

    /** For the code of the run. */
    RunCancelled(String runId, String reason) {
        super(runId, RunState.CANCELLED, "the run was cancelled" + (reason.isEmpty() ? "" : ": " + reason));
    }
}
