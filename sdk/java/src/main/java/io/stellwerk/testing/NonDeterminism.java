package io.stellwerk.testing;

import io.stellwerk.StellwerkError;

/** The code does something else than is recorded: {@code step 4: recorded charge("card"), now reserve("stock")}. */
public final class NonDeterminism extends StellwerkError {
    /** With the difference in words. */
    public NonDeterminism(String difference) {
        super(difference);
    }
}
