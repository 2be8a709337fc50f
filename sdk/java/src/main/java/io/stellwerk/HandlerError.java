package io.stellwerk;

/** What a handler throws to say how its failure is to be treated: {@link TerminalError} or {@link RetryableError}. */
public abstract class HandlerError extends StellwerkError {
    private final String type;
    private final transient Object details;

    HandlerError(String message, String type, Object details) {
        super(message);
        this.type = type == null ? getClass().getSimpleName() : type;
        this.details = details;
    }

    /** The name retry policies and other languages see. */
    public String type() {
        return type;
    }

    /** Any JSON value kept with the failure; null for none. */
    public Object details() {
        return details;
    }
}
