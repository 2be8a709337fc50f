package io.stellwerk;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.HexFormat;

/** Which code a worker's workflows are: a digest of the classes their functions were written in. */
final class Builds {
    private static final int DIGITS = 12;

    private Builds() {}

    /** 12 hex digits, the same for the same code. {@code plans} in a fixed order. */
    static String digest(Collection<WorkflowPlan> plans) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (WorkflowPlan plan : plans) {
                digest.update(plan.name().getBytes(StandardCharsets.UTF_8));
                digest.update(code(plan.function().getClass()));
            }
            return HexFormat.of().formatHex(digest.digest()).substring(0, DIGITS);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** The class file; a lambda is part of the class it stands in. */
    private static byte[] code(Class<?> type) {
        String name = type.getName();
        int lambda = name.indexOf("$$Lambda");
        String written = lambda < 0 ? name : name.substring(0, lambda);
        ClassLoader loader = type.getClassLoader() == null ? ClassLoader.getSystemClassLoader() : type.getClassLoader();
        try (InputStream file = loader.getResourceAsStream(written.replace('.', '/') + ".class")) {
            return file == null ? written.getBytes(StandardCharsets.UTF_8) : file.readAllBytes();
        } catch (IOException unreadable) {
            return written.getBytes(StandardCharsets.UTF_8);
        }
    }
}
