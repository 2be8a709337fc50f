package io.stellwerk;

/** A payload is larger than the server takes; {@link #metadata} has {@code size}, {@code limit} and {@code field}. */
public final class PayloadTooLarge extends InvalidArgument {
    PayloadTooLarge(String text, Facts facts) {
        super(text, facts);
    }
}
