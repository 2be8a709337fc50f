package io.stellwerk;

import io.stellwerk.v1.CancelCommand;
import io.stellwerk.v1.CancelledCommand;
import io.stellwerk.v1.Command;
import io.stellwerk.v1.FailCommand;
import io.stellwerk.v1.LocalCommand;
import io.stellwerk.v1.PatchCommand;
import io.stellwerk.v1.SucceedCommand;

/** Commands that code gives without options. Must not decide when. */
final class Commands {
    private Commands() {}

    /** The function has returned this. Throws EncodeError and PayloadTooLarge. */
    static Command succeed(Object output) {
        return Command.newBuilder()
                .setSucceed(SucceedCommand.newBuilder().setOutput(Payloads.fitting("output", output)))
                .build();
    }

    /** This has left the function; a cancellation that was asked for ends the run as cancelled. */
    static Command failed(Throwable error, boolean cancelRequested) {
        if (cancelRequested && error instanceof RunCancelled) {
            return Command.newBuilder()
                    .setCancelled(CancelledCommand.getDefaultInstance())
                    .build();
        }
        return Command.newBuilder()
                .setFail(FailCommand.newBuilder().setFailure(Failures.of(error)))
                .build();
    }

    static Command cancel(String step) {
        return Command.newBuilder()
                .setStep(step)
                .setCancel(CancelCommand.getDefaultInstance())
                .build();
    }

    static Command patch(String id) {
        return Command.newBuilder()
                .setPatch(PatchCommand.newBuilder().setId(id))
                .build();
    }

    static Command local(String step, LocalCommand outcome) {
        return Command.newBuilder().setStep(step).setLocal(outcome).build();
    }
}
