package io.stellwerk;

/** The run has ended; nothing can be done with it but retry. */
public final class RunTerminal extends FailedPrecondition {
    RunTerminal(String text, Facts facts) {
        super(text, facts);
    }
}
