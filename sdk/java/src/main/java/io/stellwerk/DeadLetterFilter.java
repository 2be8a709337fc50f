package io.stellwerk;

import io.stellwerk.v1.ListDeadLettersRequest;

/** Which dead letters a list is to have; nothing set: the open ones. */
public final class DeadLetterFilter {
    private final ListDeadLettersRequest.Builder request = ListDeadLettersRequest.newBuilder();
    private long limit = Long.MAX_VALUE;

    /** All open dead letters, to be narrowed down. */
    public static DeadLetterFilter open() {
        return new DeadLetterFilter();
    }

    private DeadLetterFilter() {}

    /** Only those of this workflow. */
    public DeadLetterFilter workflow(String workflow) {
        request.setWorkflow(workflow);
        return this;
    }

    /** Only those of this action. */
    public DeadLetterFilter action(String action) {
        request.setAction(action);
        return this;
    }

    /** Only those of this run. */
    public DeadLetterFilter runId(String runId) {
        request.setRunId(runId);
        return this;
    }

    /** Those in one of these states, instead of the open ones. */
    public DeadLetterFilter states(DeadLetterState... states) {
        for (DeadLetterState state : states) {
            request.addStates(Wire.deadLetterState(state));
        }
        return this;
    }

    /** At most so many, the newest. */
    public DeadLetterFilter limit(long limit) {
        this.limit = limit;
        return this;
    }

    ListDeadLettersRequest.Builder request() {
        return request.clone();
    }

    long limit() {
        return limit;
    }
}
