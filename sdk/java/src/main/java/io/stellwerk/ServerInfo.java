package io.stellwerk;

import java.time.Instant;

/** The server that answered; {@code now} is its database's clock. */
public record ServerInfo(
        String version,
        Instant startTime,
        Instant now,
        boolean draining,
        boolean databaseUp,
        boolean redisUp,
        long maxPayloadBytes) {}
