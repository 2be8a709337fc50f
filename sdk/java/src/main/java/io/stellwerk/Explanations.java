package io.stellwerk;

import io.stellwerk.v1.ExplainRunResponse;

/** Explanations of the API to the records callers get. Must not talk to anybody. */
final class Explanations {
    private static final String KIND = "CAUSE_KIND_";

    private Explanations() {}

    static Explanation explanation(ExplainRunResponse message) {
        return new Explanation(
                message.getRunId(),
                Wire.runState(message.getState()),
                Wire.instant(message.hasNow(), message.getNow()),
                message.getSummary(),
                Wire.each(message.getCausesList(), Explanations::cause),
                message.getMoreCauses(),
                Wire.instant(message.hasDeadline(), message.getDeadline()));
    }

    private static Cause cause(io.stellwerk.v1.Cause message) {
        return new Cause(
                kind(message.getKind()),
                message.getSentence(),
                message.getStep(),
                message.getSteps(),
                Wire.instant(message.hasDueTime(), message.getDueTime()),
                Wire.instant(message.hasSinceTime(), message.getSinceTime()),
                Wire.instant(message.hasTimeoutTime(), message.getTimeoutTime()),
                message.getSignal(),
                message.getAction(),
                message.getQueue(),
                message.getWorkerId(),
                Wire.instant(message.hasLastSeenTime(), message.getLastSeenTime()),
                message.getOtherQueuesList(),
                message.getSimilarList(),
                message.getAttempt(),
                message.getMaxAttempts(),
                message.getWorkers(),
                message.getSlots(),
                message.getBusySlots(),
                message.getAhead(),
                message.getChildRunId(),
                Wire.runState(message.getChildState()),
                message.getChildSummary(),
                message.getReason(),
                message.hasFailure() ? Wire.failure(message.getFailure()) : null,
                message.getDeadLetterId(),
                message.getBuild());
    }

    private static CauseKind kind(io.stellwerk.v1.CauseKind kind) {
        return kind == io.stellwerk.v1.CauseKind.UNRECOGNIZED
                ? CauseKind.UNSPECIFIED
                : CauseKind.valueOf(kind.name().substring(KIND.length()));
    }
}
