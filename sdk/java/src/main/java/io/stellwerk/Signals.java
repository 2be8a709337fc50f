package io.stellwerk;

import java.lang.reflect.Proxy;
import java.util.LinkedHashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * SIGTERM and SIGINT, so that a worker can end well and the program after it. By reflection, because the classes are not in
 * the platform's public part. Must not be needed: without them the JVM's shutdown hooks drain the worker, too.
 */
final class Signals implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger("stellwerk");
    private static final String[] NAMES = {"TERM", "INT"};

    private final Map<Object, Object> before = new LinkedHashMap<>();

    private Signals() {}

    /** Run this whenever one comes, until closed. */
    static Signals listen(Runnable work) {
        var signals = new Signals();
        try {
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object called = Proxy.newProxyInstance(
                    handler.getClassLoader(), new Class<?>[] {handler}, (self, method, given) -> {
                        if (method.getName().equals("handle")) {
                            work.run();
                        }
                        return null;
                    });
            for (String name : NAMES) {
                Object signal = type().getConstructor(String.class).newInstance(name);
                signals.before.put(signal, handle(signal, called));
            }
        } catch (ReflectiveOperationException | RuntimeException error) {
            LOGGER.debug("this JVM does not tell of signals; shutdown hooks do", error);
        }
        return signals;
    }

    /** What was done about signals before is done again. */
    @Override
    public void close() {
        before.forEach((signal, handler) -> {
            try {
                handle(signal, handler);
            } catch (ReflectiveOperationException error) {
                LOGGER.debug("the handler before could not be put back", error);
            }
        });
    }

    @Override
    public String toString() {
        return before.isEmpty() ? "the end of the JVM" : "a signal";
    }

    private static Object handle(Object signal, Object handler) throws ReflectiveOperationException {
        Class<?> handlers = Class.forName("sun.misc.SignalHandler");
        return type().getMethod("handle", type(), handlers).invoke(null, signal, handler);
    }

    private static Class<?> type() throws ClassNotFoundException {
        return Class.forName("sun.misc.Signal");
    }
}
