package io.stellwerk;

/**
 * The first of several that was done.
 *
 * @param index its place among those that were given, from 0
 * @param value what it gave
 */
public record Selected(int index, Object value) {}
