package io.stellwerk;

/** A signal did not come in time. */
public final class SignalTimeout extends StepFailed {
    SignalTimeout(String step, io.stellwerk.v1.Failure reason) {
        super(step, reason);
    }
}
