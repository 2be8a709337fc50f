package io.stellwerk;

/**
 * The root of every exception this package throws on purpose; all are unchecked.
 *
 * <pre>
 * StellwerkError
 * ├── RequestError                 the server refused a call, or could not be reached
 * │   ├── InvalidArgument          fields() names every problem
 * │   │   └── PayloadTooLarge
 * │   ├── NotFound
 * │   ├── AlreadyExists
 * │   ├── FailedPrecondition
 * │   │   ├── LeaseLost
 * │   │   ├── RunTerminal
 * │   │   └── IdempotencyKeyReused
 * │   ├── ResourceExhausted
 * │   ├── Unauthenticated
 * │   ├── PermissionDenied
 * │   ├── DeadlineExceeded
 * │   └── Unavailable
 * ├── RunFailed                    the run ended without a result
 * │   ├── RunCancelled             thrown inside a workflow's code, too
 * │   ├── RunTerminated
 * │   └── RunTimedOut
 * ├── StepFailed                   what a workflow's code asked for has failed
 * │   ├── ChildFailed
 * │   └── SignalTimeout
 * ├── testing.NonDeterminism       a workflow's code does something else than is recorded
 * ├── testing.TestStuck            a run under test waits for what nobody sends
 * ├── EncodeError                  a value cannot travel as a payload
 * ├── InputError                   a payload does not fit what was asked for
 * ├── TaskCancelled                the server took the task back
 * └── HandlerError                 for handlers to throw
 *     ├── TerminalError            no attempt follows
 *     └── RetryableError           try again, after a delay of the handler's choice
 * </pre>
 */
public class StellwerkError extends RuntimeException {
    /** An error with a message. */
    public StellwerkError(String message) {
        super(message);
    }

    /** An error with a message and what led to it. */
    public StellwerkError(String message, Throwable cause) {
        super(message, cause);
    }
}
