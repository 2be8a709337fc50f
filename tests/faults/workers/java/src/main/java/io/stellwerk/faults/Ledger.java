package io.stellwerk.faults;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/** Says what happens in this worker before anybody else is told: a line an effect, as tests/faults/records.py has it. */
final class Ledger {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final AtomicLong count = new AtomicLong();
    private final FileChannel file;
    private final String name = System.getenv("FAULTS_WORKER");
    private final String life = System.getenv("FAULTS_LIFE");
    private final String taint = System.getenv("FAULTS_TAINT");
    private final String namespace = System.getenv("STELLWERK_NAMESPACE");

    Ledger(Path path) throws IOException {
        Files.createFile(path);
        file = FileChannel.open(path, StandardOpenOption.APPEND);
    }

    /** This life of this worker. */
    String workerId() {
        return name + "." + life;
    }

    /** A value unlike any other attempt's. */
    String value() {
        return "%s/%s/%d".formatted(taint, workerId(), count.incrementAndGet());
    }

    /** A line. */
    void write(String runId, String step, int attempt, String action, String phase, String value) throws IOException {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("at", ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now()));
        line.put("worker", name);
        line.put("language", "java");
        line.put("namespace", namespace);
        line.put("run_id", runId);
        line.put("step", step);
        line.put("attempt", attempt);
        line.put("action", action);
        line.put("phase", phase);
        line.put("value", value);
        byte[] text = (JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8);
        append(text);
    }

    /** A thread that is interrupted (its task is cancelled) would close the channel: it writes all the same. */
    private synchronized void append(byte[] text) throws IOException {
        boolean interrupted = Thread.interrupted();
        file.write(ByteBuffer.wrap(text));
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
