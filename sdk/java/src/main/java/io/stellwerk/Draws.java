package io.stellwerk;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.UUID;

/** Random numbers and uuids of a run: derived of its id and their number, so the same in every replay and language. */
final class Draws {
    private static final int SHIFT = 11;
    private static final double RANGE = 0x1p53;
    private static final long VERSION_MASK = 0xffffffffffff0fffL;
    private static final long VERSION = 0x4000L;
    private static final long VARIANT_MASK = 0x3fffffffffffffffL;
    private static final long VARIANT = 0x8000000000000000L;

    private final String runId;
    private long drawn;

    Draws(String runId) {
        this.runId = runId;
    }

    /** From 0 to 1, without 1. */
    double random() {
        return (next().getLong() >>> SHIFT) / RANGE;
    }

    UUID uuid() {
        ByteBuffer bytes = next();
        long high = bytes.getLong() & VERSION_MASK | VERSION;
        return new UUID(high, bytes.getLong() & VARIANT_MASK | VARIANT);
    }

    private ByteBuffer next() {
        drawn++;
        try {
            byte[] seed = (runId + "/" + drawn).getBytes(StandardCharsets.UTF_8);
            return ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(seed));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
