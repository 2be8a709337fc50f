package io.stellwerk;

import java.time.Instant;

/** A chunk a handler streamed; {@code sequence} counts from 1 within the attempt. */
public record Chunk(String step, int attempt, long sequence, Object value, Instant time) implements WatchItem {}
