package io.stellwerk;

import io.stellwerk.v1.Failure;
import io.stellwerk.v1.FailureCategory;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/** What handlers throw to Failure messages: type, message, stack, causes. Must not decide on retries. */
final class Failures {
    private static final int STACK_CHARS_MAX = 16 * 1024;
    private static final int MESSAGE_CHARS_MAX = 16 * 1024;
    private static final int CAUSES_MAX = 5;
    private static final Set<String> OWN_FRAMES = Set.of(
            HandlerPlan.class.getName(),
            WorkflowPlan.class.getName(),
            Runner.class.getName(),
            Payloads.class.getName(),
            Drain.class.getName());

    private Failures() {}

    /** What a handler's exception means to the server. */
    static Failure of(Throwable error) {
        return of(error, CAUSES_MAX);
    }

    private static Failure of(Throwable error, int causesLeft) {
        if (error instanceof StepFailed step) { // nobody caught it: what failed, and where, is still to be seen
            return step.reason();
        }
        var failure = Failure.newBuilder()
                .setType(clean(type(error)))
                .setMessage(message(error))
                .setStack(clean(stack(error)))
                .setCategory(FailureCategory.FAILURE_CATEGORY_USER)
                .setTerminal(
                        error instanceof TerminalError || error instanceof EncodeError || error instanceof InputError);
        if (error instanceof RetryableError retryable && retryable.retryAfter() != null) {
            failure.setRetryAfter(Wire.duration(retryable.retryAfter()));
        }
        if (error instanceof HandlerError handler && handler.details() != null) {
            failure.setDetails(details(handler.details()));
        }
        if (causesLeft > 0 && error.getCause() != null && !isOurs(error)) {
            failure.setCause(of(error.getCause(), causesLeft - 1));
        }
        return failure.build();
    }

    /** The outcome of a handler that stopped because the server took its task back. */
    static Failure cancelled(String reason) {
        return Failure.newBuilder()
                .setType("TaskCancelled")
                .setMessage("the task was cancelled: " + reason)
                .setCategory(FailureCategory.FAILURE_CATEGORY_CANCELLED)
                .setTerminal(true)
                .build();
    }

    /** The outcome of a handler that was still running when its worker had to stop; it is tried again. */
    static Failure stopped() {
        return Failure.newBuilder()
                .setType("WorkerStopped")
                .setMessage("the worker was stopped and the handler was not done within the drain time")
                .setCategory(FailureCategory.FAILURE_CATEGORY_WORKER_LOST)
                .build();
    }

    /** The outcome of a handler whose output the transport would cut off. */
    static Failure tooLarge(int size) {
        return Failure.newBuilder()
                .setType("PayloadTooLarge")
                .setMessage("output: expected at most " + Payloads.BYTES_MAX + " bytes, came " + size)
                .setCategory(FailureCategory.FAILURE_CATEGORY_LIMIT)
                .setTerminal(true)
                .build();
    }

    /** Text that protobuf and Postgres both take: no lone surrogates, no NUL. */
    static String clean(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return new String(bytes, StandardCharsets.UTF_8).replace('\0', '\ufffd');
    }

    private static boolean isOurs(Throwable error) {
        return error instanceof EncodeError || error instanceof InputError;
    }

    private static String type(Throwable error) {
        if (error instanceof HandlerError handler) {
            return handler.type();
        }
        Class<?> type = error.getClass();
        while (type.isAnonymousClass()) {
            type = type.getSuperclass();
        }
        return type.getSimpleName();
    }

    private static String message(Throwable error) {
        return error.getMessage() == null ? "" : head(clean(error.getMessage()), MESSAGE_CHARS_MAX);
    }

    /** The user's part of the stack: what is above the frame of ours that called the handler. */
    private static String stack(Throwable error) {
        var text = new StringBuilder();
        for (StackTraceElement frame : error.getStackTrace()) {
            if (OWN_FRAMES.contains(frame.getClassName()) || text.length() > STACK_CHARS_MAX) {
                break;
            }
            text.append("\tat ").append(frame).append('\n');
        }
        return text.isEmpty() ? "" : head(error + "\n" + text, STACK_CHARS_MAX);
    }

    private static io.stellwerk.v1.Payload details(Object details) {
        try {
            return Payloads.encode(details);
        } catch (EncodeError error) {
            return Payloads.encode(head(clean(String.valueOf(details)), MESSAGE_CHARS_MAX));
        }
    }

    private static String head(String text, int chars) {
        return text.length() <= chars ? text : clean(text.substring(0, chars));
    }
}
