package io.stellwerk;

/** A child run did not succeed; the failure's cause is the one the child failed with. */
public final class ChildFailed extends StepFailed {
    ChildFailed(String step, io.stellwerk.v1.Failure reason) {
        super(step, reason);
    }
}
