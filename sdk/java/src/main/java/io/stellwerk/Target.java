package io.stellwerk;

import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptor;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/**
 * A server and how to speak to it: address, TLS, token, channel options. Must not know any service.
 *
 * @param tls null for plain text
 */
record Target(String address, String token, String namespace, Tls tls) {
    static final String VERSION = version();
    static final int BATCH_BYTES_MAX = 4 * 1024 * 1024;

    private static final String DEFAULT_ADDRESS = "127.0.0.1:7400";
    private static final int DEFAULT_PORT = 7400;
    private static final int MESSAGE_BYTES_MAX = 16 * 1024 * 1024;
    private static final int PORT_MAX = 65_535;

    /** Fill in what is null from the environment, then from the defaults. Throws IllegalArgumentException. */
    static Target of(String address, String token, String namespace, Tls tls, Boolean useTls) {
        String checked = checked(first(address, "STELLWERK_ADDRESS", DEFAULT_ADDRESS));
        return new Target(
                checked,
                token != null ? token : first(null, "STELLWERK_TOKEN", ""),
                first(namespace, "STELLWERK_NAMESPACE", "default"),
                tls != null ? tls : tls(checked, useTls));
    }

    /** A channel whose answers come in {@code executor}. Our own retries know request ids; the transport's do not. */
    ManagedChannel open(Executor executor, List<ClientInterceptor> more) {
        String name = address.startsWith("unix:") ? address : "dns:///" + address;
        ManagedChannelBuilder<?> builder = Grpc.newChannelBuilder(name, credentials())
                .executor(executor)
                .intercept(MetadataUtils.newAttachHeadersInterceptor(metadata()))
                .intercept(more)
                .keepAliveTime(30, TimeUnit.SECONDS)
                .keepAliveTimeout(10, TimeUnit.SECONDS)
                .keepAliveWithoutCalls(true)
                .idleTimeout(365, TimeUnit.DAYS)
                .maxInboundMessageSize(MESSAGE_BYTES_MAX)
                .disableRetry();
        if (tls != null && tls.serverName() != null) {
            builder.overrideAuthority(tls.serverName());
        }
        return builder.build();
    }

    /** The address as errors name it. */
    String described() {
        return address + " (TLS " + (tls == null ? "off" : "on") + ")";
    }

    /** What every call carries. */
    Metadata metadata() {
        var metadata = new Metadata();
        metadata.put(key("x-client-name"), "stellwerk-java");
        metadata.put(key("x-client-version"), VERSION);
        if (!token.isEmpty()) {
            metadata.put(key("authorization"), "Bearer " + token);
        }
        return metadata;
    }

    private static Metadata.Key<String> key(String name) {
        return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
    }

    private ChannelCredentials credentials() {
        if (tls == null) {
            return InsecureChannelCredentials.create();
        }
        try {
            TlsChannelCredentials.Builder builder = TlsChannelCredentials.newBuilder();
            if (tls.caFile() != null) {
                builder.trustManager(tls.caFile().toFile());
            }
            if (tls.certFile() != null) {
                builder.keyManager(tls.certFile().toFile(), tls.keyFile().toFile());
            }
            return builder.build();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** Plain text is the default on loopback only. */
    private static Tls tls(String address, Boolean useTls) {
        Boolean wanted = useTls != null ? useTls : tlsOfEnvironment();
        boolean on = wanted != null ? wanted : !isLoopback(address);
        String caFile = first(null, "STELLWERK_TLS_CA", "");
        return on ? new Tls(caFile.isEmpty() ? null : Path.of(caFile), null, null, null) : null;
    }

    private static Boolean tlsOfEnvironment() {
        String value = first(null, "STELLWERK_TLS", "auto");
        return switch (value.toLowerCase(java.util.Locale.ROOT)) {
            case "auto" -> null;
            case "on" -> true;
            case "off" -> false;
            default ->
                throw new IllegalArgumentException(
                        "STELLWERK_TLS: expected on, off or auto, came " + Words.quoted(value));
        };
    }

    private static String checked(String address) {
        if (address.startsWith("unix:")) {
            return address;
        }
        if (address.startsWith("[") && address.endsWith("]")) {
            return address + ":" + DEFAULT_PORT;
        }
        int colon = address.lastIndexOf(':');
        String host = colon < 0 ? address : address.substring(0, colon);
        String port = colon < 0 ? Integer.toString(DEFAULT_PORT) : address.substring(colon + 1);
        if (host.isEmpty() || address.contains("/") || address.contains(" ") || !isPort(port)) {
            throw new IllegalArgumentException(
                    "address: expected host:port (STELLWERK_ADDRESS), came " + Words.quoted(address));
        }
        return host + ":" + port;
    }

    private static boolean isPort(String text) {
        return text.matches("[0-9]{1,5}") && Integer.parseInt(text) > 0 && Integer.parseInt(text) <= PORT_MAX;
    }

    private static boolean isLoopback(String address) {
        String host =
                address.substring(0, Math.max(address.lastIndexOf(':'), 0)).replaceAll("[\\[\\]]", "");
        return address.startsWith("unix:") || host.equals("localhost") || host.equals("::1") || host.startsWith("127.");
    }

    /** The option, else the environment's value, else the default; an empty text counts as none. */
    private static String first(String option, String variable, String otherwise) {
        if (option != null && !option.isEmpty()) {
            return option;
        }
        String value = System.getenv(variable);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    private static String version() {
        try (InputStream file = Target.class.getResourceAsStream("version.properties")) {
            var properties = new Properties();
            properties.load(file);
            return properties.getProperty("version");
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
