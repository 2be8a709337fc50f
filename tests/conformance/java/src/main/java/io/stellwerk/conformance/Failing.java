package io.stellwerk.conformance;

import io.stellwerk.RetryableError;
import io.stellwerk.TerminalError;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Map;

/** The ways a program ends badly. Must not catch anything. */
final class Failing {
    private Failing() {}

    /** A plain error. */
    static final class Boom extends Exception {
        Boom(String message) {
            super(message);
        }
    }

    /** What Java can throw that is no Exception. */
    static final class NotAnError extends Throwable {
        NotAnError(String message) {
            super(message);
        }
    }

    static void fail(Map<String, Object> op) {
        String message = (String) op.getOrDefault("message", "boom");
        Throwable error = error(op, message);
        if (op.get("cause") instanceof Map<?, ?> cause) {
            error.initCause(new Boom((String) cause.get("message")));
        }
        throw Values.<RuntimeException>unchecked(error);
    }

    /** As kill -9 does. */
    static void die() throws IOException, InterruptedException {
        String pid = Long.toString(ProcessHandle.current().pid());
        new ProcessBuilder("kill", "-9", pid).start().waitFor();
    }

    /** As kill -9 does, unless somebody has died at this latch before. */
    static void dieOnce(Folder folder, String latch) throws IOException, InterruptedException {
        try {
            Files.createFile(folder.path().resolve(latch));
        } catch (FileAlreadyExistsException before) {
            return;
        }
        die();
    }

    private static Throwable error(Map<String, Object> op, String message) {
        String type = (String) op.get("type");
        Object details = op.get("details");
        return switch ((String) op.get("kind")) {
            case "terminal" -> new TerminalError(message, type, details);
            case "retryable" -> new RetryableError(message, delay(op), type, details);
            case "non_error" -> new NotAnError(message);
            default -> new Boom(message);
        };
    }

    private static Duration delay(Map<String, Object> op) {
        return op.get("retry_after_s") == null ? null : Interpreter.seconds(Values.number(op, "retry_after_s"));
    }
}
