package io.stellwerk;

import java.time.Instant;

/** The runs of the minute that begins at {@code time}. */
public record Activity(Instant time, long started, long succeeded, long failed, long endedOtherwise) {}
