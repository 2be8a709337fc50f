package io.stellwerk;

/** What a workflow's code asked for has failed for good: a step, a local step, a child run or the wait for a signal. */
public class StepFailed extends StellwerkError {
    private final String step;
    private final transient io.stellwerk.v1.Failure reason;
    private final transient Failure failure;

    StepFailed(String step, io.stellwerk.v1.Failure reason) {
        super(reason.getType() + ": " + reason.getMessage());
        this.step = step;
        this.reason =
                reason.getStep().isEmpty() ? reason.toBuilder().setStep(step).build() : reason;
        this.failure = Wire.failure(this.reason);
    }

    /** The step's id: "charge", "charge#2". */
    public String step() {
        return step;
    }

    /** The name the failure goes by: the class of what the handler threw, or what that chose. */
    public String type() {
        return failure.type();
    }

    /** The failure's own message; {@link #getMessage} names its type, too. */
    public String message() {
        return failure.message();
    }

    /** What the handler gave with the failure; null for nothing. */
    public Object details() {
        return failure.details();
    }

    /** The attempt that failed last. */
    public int attempt() {
        return failure.attempt();
    }

    /** Whose fault it is: USER, TIMEOUT, WORKER_LOST, CANCELLED, LIMIT, DEFINITION, INTERNAL. */
    public String category() {
        return failure.category();
    }

    /** All that is known of the failure; its {@code cause} is what led to it. */
    public Failure failure() {
        return failure;
    }

    /** The failure as it came. */
    io.stellwerk.v1.Failure reason() {
        return reason;
    }
}
