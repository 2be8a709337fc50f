package io.stellwerk;

/**
 * The server took this task back: its run ended or its lease is gone. Thrown by {@link TaskContext#heartbeat} and {@link
 * TaskContext#stream}; let it pass.
 */
public final class TaskCancelled extends StellwerkError {
    private final String reason;

    TaskCancelled(String reason) {
        super("the task was cancelled: " + reason);
        this.reason = reason;
    }

    /** The server's reason, for example "RUN_CANCELLED". */
    public String reason() {
        return reason;
    }
}
