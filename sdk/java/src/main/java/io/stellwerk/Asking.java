package io.stellwerk;

import com.fasterxml.jackson.databind.JavaType;
import io.stellwerk.OpenSteps.Kind;
import io.stellwerk.v1.AttributesCommand;
import io.stellwerk.v1.Command;
import io.stellwerk.v1.ContinueCommand;
import io.stellwerk.v1.Payload;
import io.stellwerk.v1.PublishCommand;
import io.stellwerk.v1.SignalCommand;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;

/** The calls of a workflow's context as commands. Must not know what they lead to. */
final class Asking {
    private final Replayer code;

    Asking(Replayer code) {
        this.code = code;
    }

    <T> CodeFuture<T> step(String action, Object input, JavaType type, StepOptions options) {
        code.enter();
        var command = options.command().setAction(action).setInput(Payloads.fitting("input", input));
        String name = options.name().isEmpty() ? action : options.name();
        return code.call(name, Kind.ACTION, type, Command.newBuilder().setAction(command));
    }

    <T> CodeFuture<T> run(String name, Callable<?> function, JavaType type, StepOptions options) {
        return code.local(name, function, options.retry(), type);
    }

    <T> CodeFuture<T> signal(String name, Duration timeout, JavaType type) {
        var command = SignalCommand.newBuilder().setSignal(name);
        if (timeout != null) {
            command.setTimeout(Wire.duration(Words.moreThanZero("timeout", timeout)));
        }
        return code.call(name, Kind.SIGNAL, type, Command.newBuilder().setSignal(command));
    }

    <T> CodeFuture<T> child(String workflow, Object input, JavaType type, ChildOptions options) {
        code.enter();
        var command = options.command().setWorkflow(workflow).setInput(Payloads.fitting("input", input));
        String name = options.name().isEmpty() ? workflow : options.name();
        return code.call(name, Kind.CHILD, type, Command.newBuilder().setChild(command));
    }

    Selected select(List<? extends CompletableFuture<?>> futures) {
        if (futures.isEmpty()) {
            throw new IllegalArgumentException("select: expected at least one future, came none");
        }
        code.await(() -> firstDone(futures) >= 0, futures);
        int first = firstDone(futures);
        return new Selected(first, value(futures.get(first)));
    }

    <T> List<T> all(List<? extends CompletableFuture<? extends T>> futures) {
        var left = new AtomicInteger(futures.size());
        CodeFuture<Object> done = CodeFuture.from(code, futures);
        for (CompletableFuture<? extends T> future : futures) {
            future.whenComplete((value, error) -> {
                if (error != null) {
                    done.completeExceptionally(error);
                } else if (left.decrementAndGet() == 0) {
                    done.complete(null);
                }
            });
        }
        code.await(() -> done.isDone() || left.get() == 0, futures);
        if (done.isCompletedExceptionally()) {
            value(done);
        }
        List<T> values = new ArrayList<>(futures.size());
        futures.forEach(future -> values.add(future.join()));
        return values;
    }

    void publish(String key, Object value) {
        var command = PublishCommand.newBuilder().setKey(key).setValue(Payloads.fitting("value", value));
        code.command(Command.newBuilder().setPublish(command));
    }

    void setAttributes(Map<String, ?> attributes) {
        Payload values = Payloads.fitting("attributes", attributes);
        var command = AttributesCommand.newBuilder().setValues(values.getJson());
        code.command(Command.newBuilder().setAttributes(command));
    }

    void continueAsNew(Object input, String workflow) {
        code.enter();
        var command = ContinueCommand.newBuilder().setWorkflow(workflow).setInput(Payloads.fitting("input", input));
        throw new ContinuedAsNew(Command.newBuilder().setContinue(command).build());
    }

    private static int firstDone(List<? extends CompletableFuture<?>> futures) {
        for (int index = 0; index < futures.size(); index++) {
            if (futures.get(index).isDone()) {
                return index;
            }
        }
        return -1;
    }

    /** The value of one that is done; throws what ctx's own calls throw as it is. */
    private static Object value(CompletableFuture<?> done) {
        try {
            return done.join();
        } catch (CompletionException wrapped) {
            if (Futures.unwrapped(wrapped) instanceof StellwerkError error) {
                throw error;
            }
            throw wrapped;
        }
    }
}
