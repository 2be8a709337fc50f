package io.stellwerk;

/** One thing wrong with one field: its path, and what was expected and what came. */
public record FieldProblem(String field, String description) {}
