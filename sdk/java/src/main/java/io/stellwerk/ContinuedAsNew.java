package io.stellwerk;

import io.stellwerk.v1.Command;

/** Takes the code to its end when it has asked to be continued. Must never leave its thread. */
final class ContinuedAsNew extends Error {
    private final transient Command command;

    ContinuedAsNew(Command command) {
        super("the run goes on in a new one", null, false, false);
        this.command = command;
    }

    Command command() {
        return command;
    }
}
