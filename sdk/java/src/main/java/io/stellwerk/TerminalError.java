package io.stellwerk;

/**
 * The step fails for good: no attempt follows, whatever its retry policy says.
 *
 * <pre>{@code throw new TerminalError("card declined", "CardDeclined", Map.of("code", 51));}</pre>
 */
public class TerminalError extends HandlerError {
    /** A failure whose type is the name of the class. */
    public TerminalError(String message) {
        this(message, null, null);
    }

    /** A failure with a type of its own; null: the name of the class. */
    public TerminalError(String message, String type) {
        this(message, type, null);
    }

    /** A failure with a type and any JSON value as details; both may be null. */
    public TerminalError(String message, String type, Object details) {
        super(message, type, details);
    }
}
