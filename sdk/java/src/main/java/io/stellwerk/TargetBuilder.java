package io.stellwerk;

/** The options that say which server, for workers and clients alike. Must not hold any other. */
abstract sealed class TargetBuilder<B> permits ClientOptions.Builder, WorkerOptions.Builder {
    private String address;
    private String token;
    private String namespace;
    private Tls tls;
    private Boolean useTls;

    /** host:port; default: STELLWERK_ADDRESS, else 127.0.0.1:7400. */
    public B address(String address) {
        this.address = address;
        return self();
    }

    /** Bearer token; default: STELLWERK_TOKEN, else none. */
    public B token(String token) {
        this.token = token;
        return self();
    }

    /** Default: STELLWERK_NAMESPACE, else "default". */
    public B namespace(String namespace) {
        this.namespace = namespace;
        return self();
    }

    /** TLS on or off; default: STELLWERK_TLS on|off, else off on loopback and on elsewhere. */
    public B tls(boolean on) {
        this.useTls = on;
        return self();
    }

    /** TLS with files of its own. */
    public B tls(Tls tls) {
        this.tls = tls;
        return self();
    }

    Target target() {
        return Target.of(address, token, namespace, tls, useTls);
    }

    abstract B self();
}
