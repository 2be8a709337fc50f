package io.stellwerk.conformance;

import io.stellwerk.TaskContext;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Latches and notes, seen by the runner and by every worker. Must not know programs. */
record Folder(Path path) {
    boolean isOpen(String latch) {
        return Files.exists(path.resolve(latch));
    }

    /** Append a line; in one write, for many write to the file. Not by a channel: an interrupt would close that. */
    void note(TaskContext ctx, String text) throws IOException {
        note(ctx.runId() + " " + ctx.step() + " " + ctx.attempt() + " " + text);
    }

    /** Append a line: the run, the step, the attempt and the text. */
    void note(String words) throws IOException {
        String line = "java " + words + "\n";
        boolean interrupted = Thread.interrupted();
        Files.write(
                path.resolve("notes"),
                line.getBytes(StandardCharsets.UTF_8),
                StandardOpenOption.CREATE,
                StandardOpenOption.APPEND);
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
