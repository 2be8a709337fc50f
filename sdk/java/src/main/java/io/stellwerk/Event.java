package io.stellwerk;

import java.time.Instant;
import java.util.Map;

/** One entry of a run's history; {@code sequence} counts from 1 without gaps. */
public record Event(
        long sequence,
        Instant time,
        String type,
        String step,
        int attempt,
        Object payload,
        Failure failure,
        String workerId,
        Instant startTime,
        Map<String, Object> attributes)
        implements WatchItem {}
