package io.stellwerk;

/** What {@link RunHandle#watch} gives: an {@link Event} or a {@link Chunk}. */
public sealed interface WatchItem permits Event, Chunk {}
