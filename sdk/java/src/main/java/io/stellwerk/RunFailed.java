package io.stellwerk;

/** The run ended in another state than SUCCEEDED. */
public class RunFailed extends StellwerkError {
    private final String runId;
    private final RunState state;
    private final transient Failure failure;

    RunFailed(String runId, RunState state, Failure failure) {
        super(describe(runId, state, failure));
        this.runId = runId;
        this.state = state;
        this.failure = failure;
    }

    /** With words of its own. */
    RunFailed(String runId, RunState state, String message) {
        super(message);
        this.runId = runId;
        this.state = state;
        this.failure = null;
    }

    /** The error for a run that ended in {@code state}. */
    static RunFailed of(String runId, RunState state, Failure failure) {
        return switch (state) {
            case CANCELLED -> new RunCancelled(runId, state, failure);
            case TERMINATED -> new RunTerminated(runId, state, failure);
            case TIMED_OUT -> new RunTimedOut(runId, state, failure);
            default -> new RunFailed(runId, state, failure);
        };
    }

    /** Which run. */
    public String runId() {
        return runId;
    }

    /** How it ended. */
    public RunState state() {
        return state;
    }

    /** Why; null when the server gave no reason. */
    public Failure failure() {
        return failure;
    }

    private static String describe(String runId, RunState state, Failure failure) {
        String text = "run " + runId + " ended as " + state;
        if (failure == null) {
            return text;
        }
        String where = failure.step().isEmpty() ? "" : " in step " + failure.step() + ", attempt " + failure.attempt();
        return text + where + ": " + failure.type() + ": " + failure.message();
    }
}
