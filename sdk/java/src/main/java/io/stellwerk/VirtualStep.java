package io.stellwerk;

import io.stellwerk.v1.Command;

/** A step of a run under test: how it was asked for, and where it stands. */
final class VirtualStep {
    final Command command;
    int attempt = 1;
    boolean open = true;
    VirtualRun child;

    VirtualStep(Command command) {
        this.command = command;
    }

    String id() {
        return command.getStep();
    }

    RetryPolicy retry() {
        if (command.hasChild()) {
            return command.getChild().hasRetry()
                            && command.getChild().getRetry().hasMaxAttempts()
                    ? RetryPolicy.of(command.getChild().getRetry())
                    : RetryPolicy.ONCE;
        }
        return RetryPolicy.of(command.getAction().getRetry());
    }

    /** What it waits for, in words. */
    String shown() {
        return switch (command.getKindCase()) {
            case SIGNAL -> "signal " + Words.quoted(command.getSignal().getSignal());
            case CHILD -> "child " + Words.quoted(command.getChild().getWorkflow());
            case ACTION ->
                "step " + Words.quoted(id()) + " (nobody runs "
                        + Words.quoted(command.getAction().getAction()) + ": env.handler)";
            default -> "step " + Words.quoted(id());
        };
    }
}
