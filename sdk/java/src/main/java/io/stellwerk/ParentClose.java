package io.stellwerk;

import java.util.Locale;

/** What becomes of a child run when its parent ends first. */
public enum ParentClose {
    /** It is cancelled. */
    CANCEL,
    /** It is terminated. */
    TERMINATE,
    /** It goes on. */
    ABANDON;

    String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
