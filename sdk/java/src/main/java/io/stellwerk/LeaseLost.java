package io.stellwerk;

/** The task was handed to somebody else, or its run has ended. */
public final class LeaseLost extends FailedPrecondition {
    LeaseLost(String text, Facts facts) {
        super(text, facts);
    }
}
