package io.stellwerk;

import java.time.Instant;
import java.util.List;

/** A worker the server knows; {@code leased} is how many tasks it holds. */
public record WorkerInfo(
        String workerId,
        String queue,
        List<String> actions,
        int slots,
        int leased,
        String sdk,
        String host,
        Instant firstSeenTime,
        Instant lastSeenTime) {}
