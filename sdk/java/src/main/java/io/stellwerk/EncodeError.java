package io.stellwerk;

/** A value cannot be written as a payload; the message names the place in it. */
public final class EncodeError extends StellwerkError {
    EncodeError(String message, Throwable cause) {
        super(message, cause);
    }
}
