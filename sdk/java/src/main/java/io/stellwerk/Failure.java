package io.stellwerk;

import java.time.Instant;

/**
 * How user code, or the attempt to run it, failed.
 *
 * @param category whose fault it is: USER, TIMEOUT, WORKER_LOST, CANCELLED, LIMIT, DEFINITION, INTERNAL
 * @param details any JSON value; null for none
 * @param cause null for none
 * @param occurTime null when the server did not say
 */
public record Failure(
        String type,
        String message,
        String stack,
        String category,
        boolean terminal,
        Object details,
        Failure cause,
        String step,
        int attempt,
        String workerId,
        Instant occurTime) {}
