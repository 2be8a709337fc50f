package io.stellwerk;

import java.time.Duration;

/** Values as error messages show them, the same in every language. Must not hold any message itself. */
final class Words {
    private static final int SHOWN_CHARS_MAX = 60;

    private Words() {}

    /** A text in quotes. */
    static String quoted(String text) {
        return "'" + text + "'";
    }

    /** A number of seconds without useless zeros: 30, 0.5, -1. */
    static String seconds(Duration span) {
        double seconds = span.getSeconds() + span.getNano() / 1e9;
        return seconds == Math.rint(seconds) ? Long.toString((long) seconds) : Double.toString(seconds);
    }

    /** At most 60 characters of it. */
    static String shortened(String text) {
        return text.length() <= SHOWN_CHARS_MAX ? text : text.substring(0, SHOWN_CHARS_MAX - 3) + "...";
    }

    /** Refuse a number that is too small. */
    static int atLeast(String name, int value, int least) {
        if (value < least) {
            throw new IllegalArgumentException(name + ": expected a number >= " + least + ", came " + value);
        }
        return value;
    }

    /** Refuse a negative length of time. */
    static Duration notNegative(String name, Duration span) {
        if (span.isNegative()) {
            throw new IllegalArgumentException(name + ": expected a number >= 0, came " + seconds(span));
        }
        return span;
    }

    /** Refuse a length of time that is none. */
    static Duration moreThanZero(String name, Duration span) {
        if (span.isNegative() || span.isZero()) {
            throw new IllegalArgumentException(name + ": expected more than 0 seconds, came " + seconds(span));
        }
        return span;
    }
}
