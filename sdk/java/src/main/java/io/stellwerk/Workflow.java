package io.stellwerk;

import java.time.Instant;

/**
 * A registered definition (canonical JSON).
 *
 * @param current true for the version that new runs get
 * @param created false when the same content was there before
 */
public record Workflow(
        String name, int version, String definition, Instant createTime, boolean current, boolean created) {}
