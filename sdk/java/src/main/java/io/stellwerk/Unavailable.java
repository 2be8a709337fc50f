package io.stellwerk;

/** The server cannot be reached or is not ready; the message names the address. */
public final class Unavailable extends RequestError {
    Unavailable(String text, Facts facts) {
        super(text, facts);
    }
}
