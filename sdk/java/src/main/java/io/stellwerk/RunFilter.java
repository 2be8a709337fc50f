package io.stellwerk;

import io.stellwerk.v1.ListRunsRequest;
import java.time.Instant;
import java.util.Map;

/** Which runs a list is to have; nothing set: all. */
public final class RunFilter {
    private final ListRunsRequest.Builder request = ListRunsRequest.newBuilder();
    private long limit = Long.MAX_VALUE;

    /** All runs, to be narrowed down. */
    public static RunFilter all() {
        return new RunFilter();
    }

    private RunFilter() {}

    /** Only runs of this workflow. */
    public RunFilter workflow(String workflow) {
        request.setWorkflow(workflow);
        return this;
    }

    /** Only runs in one of these states. */
    public RunFilter states(RunState... states) {
        for (RunState state : states) {
            request.addStates(Wire.runState(state));
        }
        return this;
    }

    /** Only runs with all these attributes: texts, numbers, booleans. */
    public RunFilter attributes(Map<String, ?> attributes) {
        request.setAttributes(Payloads.encode(attributes).getJson());
        return this;
    }

    /** Only runs created after this moment. */
    public RunFilter createdAfter(Instant moment) {
        request.setCreatedAfter(Wire.timestamp(moment));
        return this;
    }

    /** Only runs created before this moment. */
    public RunFilter createdBefore(Instant moment) {
        request.setCreatedBefore(Wire.timestamp(moment));
        return this;
    }

    /** At most so many, the newest. */
    public RunFilter limit(long limit) {
        this.limit = limit;
        return this;
    }

    ListRunsRequest.Builder request() {
        return request.clone();
    }

    long limit() {
        return limit;
    }
}
