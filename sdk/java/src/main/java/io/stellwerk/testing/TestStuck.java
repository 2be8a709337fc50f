package io.stellwerk.testing;

import io.stellwerk.StellwerkError;

/** A run under test can only wait for what nobody sends. */
public final class TestStuck extends StellwerkError {
    /** With what it waits for. */
    public TestStuck(String message) {
        super(message);
    }
}
