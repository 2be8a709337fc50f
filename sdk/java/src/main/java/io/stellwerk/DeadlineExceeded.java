package io.stellwerk;

/** No answer came in time, however often the call was sent. */
public final class DeadlineExceeded extends RequestError {
    DeadlineExceeded(String text, Facts facts) {
        super(text, facts);
    }
}
