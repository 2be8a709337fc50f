package io.stellwerk;

import com.google.protobuf.Duration;
import com.google.protobuf.Timestamp;
import io.stellwerk.v1.RunResult;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Messages of the API to the records callers get. Must not talk to anybody. */
final class Wire {
    private static final String RUN = "RUN_STATE_";
    private static final String STEP = "STEP_STATE_";
    private static final String DEAD_LETTER = "DEAD_LETTER_STATE_";
    private static final String CATEGORY = "FAILURE_CATEGORY_";

    private Wire() {}

    static RunState runState(io.stellwerk.v1.RunState state) {
        return state == io.stellwerk.v1.RunState.UNRECOGNIZED
                ? RunState.UNSPECIFIED
                : RunState.valueOf(state.name().substring(RUN.length()));
    }

    static io.stellwerk.v1.RunState runState(RunState state) {
        return io.stellwerk.v1.RunState.valueOf(RUN + state);
    }

    static io.stellwerk.v1.DeadLetterState deadLetterState(DeadLetterState state) {
        return io.stellwerk.v1.DeadLetterState.valueOf(DEAD_LETTER + state);
    }

    static Timestamp timestamp(Instant moment) {
        return Timestamp.newBuilder()
                .setSeconds(moment.getEpochSecond())
                .setNanos(moment.getNano())
                .build();
    }

    static Duration duration(java.time.Duration span) {
        return Duration.newBuilder()
                .setSeconds(span.getSeconds())
                .setNanos(span.getNano())
                .build();
    }

    static java.time.Duration span(Duration message) {
        return java.time.Duration.ofSeconds(message.getSeconds(), message.getNanos());
    }

    static java.time.Duration span(double seconds) {
        return java.time.Duration.ofNanos(Math.round(seconds * 1e9));
    }

    /** The output of an ended run as the payload holds it; throws RunFailed when it did not succeed. */
    static io.stellwerk.v1.Payload output(RunResult result) {
        RunState state = runState(result.getState());
        if (state == RunState.SUCCEEDED || state == RunState.CONTINUED) {
            return result.getOutput();
        }
        throw RunFailed.of(result.getRunId(), state, result.hasFailure() ? failure(result.getFailure()) : null);
    }

    static Failure failure(io.stellwerk.v1.Failure message) {
        return new Failure(
                message.getType(),
                message.getMessage(),
                message.getStack(),
                category(message.getCategory()),
                message.getTerminal(),
                Payloads.decode(message.getDetails()),
                message.hasCause() ? failure(message.getCause()) : null,
                message.getStep(),
                message.getAttempt(),
                message.getWorkerId(),
                instant(message.hasOccurTime(), message.getOccurTime()));
    }

    static Step step(io.stellwerk.v1.Step message) {
        return new Step(
                message.getStep(),
                message.getAction(),
                message.getQueue(),
                stepState(message.getState()),
                message.getAttempt(),
                message.getMaxAttempts(),
                Payloads.decode(message.getInput()),
                Payloads.decode(message.getOutput()),
                message.hasFailure() ? failure(message.getFailure()) : null,
                Payloads.decode(message.getProgress()),
                List.copyOf(message.getNeedsList()),
                message.getItems(),
                message.getItemsFinished(),
                message.getWaitingFor(),
                message.getWorkerId(),
                message.getChildRunId(),
                instant(message.hasDueTime(), message.getDueTime()),
                instant(message.hasReadyTime(), message.getReadyTime()),
                instant(message.hasStartTime(), message.getStartTime()),
                instant(message.hasEndTime(), message.getEndTime()));
    }

    static Run run(io.stellwerk.v1.Run message) {
        return new Run(
                message.getRunId(),
                message.getNamespace(),
                message.getWorkflow(),
                message.getVersion(),
                runState(message.getState()),
                Payloads.decode(message.getInput()),
                Payloads.decode(message.getOutput()),
                message.hasFailure() ? failure(message.getFailure()) : null,
                message.getIdempotencyKey(),
                instant(message.hasCreateTime(), message.getCreateTime()),
                instant(message.hasEndTime(), message.getEndTime()),
                instant(message.hasDeadline(), message.getDeadline()),
                message.getForkedFrom(),
                message.getSequence(),
                message.getBlockReason(),
                message.getParentRunId(),
                message.getParentStep(),
                each(message.getStepsList(), Wire::step),
                published(message),
                attributes(message.getAttributes()),
                message.getWaitingFor(),
                message.getContinuedAs());
    }

    /** Values may be null. */
    private static Map<String, Object> published(io.stellwerk.v1.Run message) {
        Map<String, Object> published = new LinkedHashMap<>();
        message.getPublishedMap().forEach((key, value) -> published.put(key, Payloads.decode(value)));
        return Collections.unmodifiableMap(published);
    }

    static Event event(io.stellwerk.v1.Event message) {
        return new Event(
                message.getSequence(),
                instant(message.hasTime(), message.getTime()),
                message.getType(),
                message.getStep(),
                message.getAttempt(),
                Payloads.decode(message.getPayload()),
                message.hasFailure() ? failure(message.getFailure()) : null,
                message.getWorkerId(),
                instant(message.hasStartTime(), message.getStartTime()),
                attributes(message.getAttributes()));
    }

    static Chunk chunk(io.stellwerk.v1.Chunk message) {
        return new Chunk(
                message.getStep(),
                message.getAttempt(),
                message.getSequence(),
                Payloads.decode(message.getPayload()),
                instant(message.hasTime(), message.getTime()));
    }

    static Workflow workflow(io.stellwerk.v1.Workflow message, boolean created) {
        return new Workflow(
                message.getName(),
                message.getVersion(),
                message.getDefinition(),
                instant(message.hasCreateTime(), message.getCreateTime()),
                message.getCurrent(),
                created);
    }

    static DeadLetter deadLetter(io.stellwerk.v1.DeadLetter message) {
        return new DeadLetter(
                message.getDeadLetterId(),
                message.getRunId(),
                message.getStep(),
                message.getAttempt(),
                message.getWorkflow(),
                message.getAction(),
                message.getQueue(),
                Payloads.decode(message.getInput()),
                message.hasFailure() ? failure(message.getFailure()) : null,
                message.getReason(),
                deadLetterState(message.getState()),
                instant(message.hasCreateTime(), message.getCreateTime()),
                message.getRequeuedRunId());
    }

    static WorkerInfo worker(io.stellwerk.v1.Worker message) {
        return new WorkerInfo(
                message.getWorkerId(),
                message.getQueue(),
                List.copyOf(message.getActionsList()),
                message.getSlots(),
                message.getLeased(),
                message.getSdk(),
                message.getHost(),
                instant(message.hasFirstSeenTime(), message.getFirstSeenTime()),
                instant(message.hasLastSeenTime(), message.getLastSeenTime()));
    }

    static QueueInfo queue(io.stellwerk.v1.Queue message) {
        return new QueueInfo(
                message.getQueue(),
                message.getAction(),
                message.getReady(),
                message.getLeased(),
                message.getWorkers(),
                instant(message.hasOldestReadyTime(), message.getOldestReadyTime()));
    }

    static TimerInfo timer(io.stellwerk.v1.Timer message) {
        return new TimerInfo(
                message.getRunId(),
                message.getWorkflow(),
                message.getStep(),
                message.getKind(),
                instant(message.hasDueTime(), message.getDueTime()));
    }

    static Overview overview(io.stellwerk.v1.GetOverviewResponse message) {
        return new Overview(
                instant(message.hasNow(), message.getNow()),
                Map.copyOf(message.getRunsOpenMap()),
                message.getRunsStalled(),
                message.getDeadLettersOpen(),
                message.getTasksReady(),
                message.getTasksLeased(),
                instant(message.hasOldestReadyTime(), message.getOldestReadyTime()),
                message.getWorkers(),
                message.getTimers(),
                each(message.getActivityList(), Wire::activity));
    }

    private static Activity activity(io.stellwerk.v1.Activity message) {
        return new Activity(
                instant(message.hasTime(), message.getTime()),
                message.getStarted(),
                message.getSucceeded(),
                message.getFailed(),
                message.getEndedOtherwise());
    }

    static ServerInfo server(io.stellwerk.v1.GetServerResponse message) {
        return new ServerInfo(
                message.getVersion(),
                instant(message.hasStartTime(), message.getStartTime()),
                instant(message.hasNow(), message.getNow()),
                message.getDraining(),
                message.getDatabaseUp(),
                message.getRedisUp(),
                message.getMaxPayloadBytes());
    }

    static List<FieldProblem> problems(List<io.stellwerk.v1.FieldProblem> messages) {
        return each(messages, problem -> new FieldProblem(problem.getField(), problem.getDescription()));
    }

    static <M, R> List<R> each(List<M> messages, Function<M, R> read) {
        return messages.stream().map(read).toList();
    }

    private static StepState stepState(io.stellwerk.v1.StepState state) {
        return state == io.stellwerk.v1.StepState.UNRECOGNIZED
                ? StepState.UNSPECIFIED
                : StepState.valueOf(state.name().substring(STEP.length()));
    }

    private static DeadLetterState deadLetterState(io.stellwerk.v1.DeadLetterState state) {
        return state == io.stellwerk.v1.DeadLetterState.UNRECOGNIZED
                ? DeadLetterState.UNSPECIFIED
                : DeadLetterState.valueOf(state.name().substring(DEAD_LETTER.length()));
    }

    private static String category(io.stellwerk.v1.FailureCategory category) {
        return category == io.stellwerk.v1.FailureCategory.UNRECOGNIZED
                ? "UNSPECIFIED"
                : category.name().substring(CATEGORY.length());
    }

    static Instant instant(boolean present, Timestamp stamp) {
        return present ? Instant.ofEpochSecond(stamp.getSeconds(), stamp.getNanos()) : null;
    }

    /** A text among the attributes of an event, empty without it. */
    static String attribute(io.stellwerk.v1.Event message, String name) {
        return String.valueOf(attributes(message.getAttributes()).getOrDefault(name, ""));
    }

    static Map<String, Object> attributes(String json) {
        return json.isEmpty() ? Map.of() : Payloads.object(json);
    }
}
