package io.stellwerk;

import java.nio.file.Path;

/**
 * TLS options: PEM files of the server's CA (null: the system's) and of a client certificate (null: none).
 *
 * @param serverName the name the certificate must have; null: the host of the address
 */
public record Tls(Path caFile, Path certFile, Path keyFile, String serverName) {
    /** TLS with the system's CAs. */
    public static Tls system() {
        return new Tls(null, null, null, null);
    }

    /** TLS with the CA in this PEM file. */
    public static Tls ca(Path caFile) {
        return new Tls(caFile, null, null, null);
    }
}
