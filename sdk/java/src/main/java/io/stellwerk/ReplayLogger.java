package io.stellwerk;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.spi.LoggingEventBuilder;
import org.slf4j.spi.NOPLoggingEventBuilder;

/** A logger that says nothing while a run is replayed: it was said the first time. */
final class ReplayLogger {
    private static final Logger LOGGER = LoggerFactory.getLogger("stellwerk.workflow");

    private ReplayLogger() {}

    /** Silent while that is so. */
    static Logger silentWhile(BooleanSupplier replaying) {
        return (Logger) Proxy.newProxyInstance(
                Logger.class.getClassLoader(),
                new Class<?>[] {Logger.class},
                (self, method, given) -> replaying.getAsBoolean() ? nothing(method) : passOn(method, given));
    }

    private static Object passOn(Method method, Object[] given) throws Throwable {
        try {
            return method.invoke(LOGGER, given);
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }

    private static Object nothing(Method method) {
        Class<?> gives = method.getReturnType();
        if (gives == boolean.class) {
            return false;
        }
        if (gives == LoggingEventBuilder.class) {
            return NOPLoggingEventBuilder.singleton();
        }
        return gives == String.class ? LOGGER.getName() : null;
    }
}
