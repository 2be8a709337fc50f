package io.stellwerk.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.stellwerk.Worker;
import io.stellwerk.WorkerOptions;
import io.stellwerk.WorkflowContext;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The part of the bench that is the worker, in Java: tests/bench/worker.py says what it is given and what it says. Must
 * not measure by itself.
 */
public final class BenchWorker {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final double NS_PER_S = 1e9;
    private static final int READ_BYTES = 4096;
    private static final Map<String, Object> ITEM = item();

    private final PrintStream out = System.out;
    private final AtomicLong handled = new AtomicLong();
    private final long tellEvery;

    private BenchWorker(long tellEvery) {
        this.tellEvery = tellEvery;
    }

    /** Works until its input ends or a SIGTERM comes. */
    public static void main(String[] arguments) throws IOException {
        var given = JSON.readTree(arguments[0]);
        var worker = new Worker(WorkerOptions.builder()
                .address(given.get("address").asText())
                .slots(given.get("slots").asInt())
                .polls(given.get("polls").asInt())
                .drain(Duration.ofSeconds(2))
                .build());
        var bench = new BenchWorker(given.path("tell_every").asLong());
        worker.register("bench.noop", bench::noop);
        worker.register(
                "bench.split",
                input -> Collections.nCopies(number(input, "items").intValue(), ITEM));
        worker.register("bench.join", input -> Map.of("items", ((Collection<?>) input).size()));
        worker.workflow("code-seq3", BenchWorker::codeSeq3);
        worker.workflow("local-seq3", BenchWorker::localSeq3);
        worker.workflow("code-long", BenchWorker::codeLong);
        worker.workflow("code-sleep", BenchWorker::codeSleep);
        CompletableFuture<Void> ended = worker.run();
        Runtime.getRuntime().addShutdownHook(new Thread(worker::close));
        bench.say("worker_id", worker.workerId());
        awaitEndOfInput();
        worker.stop();
        ended.join();
    }

    private Object noop(Object input) throws IOException {
        long number = handled.incrementAndGet();
        if (tellEvery > 0 && number % tellEvery == 0) {
            say("handled", number);
        }
        return input;
    }

    private static Object codeSeq3(WorkflowContext ctx, Object input) {
        Object output = input;
        for (int n = 0; n < 3; n++) {
            output = ctx.step("bench.noop", output);
        }
        return output;
    }

    private static Object localSeq3(WorkflowContext ctx, Object input) {
        Object output = input;
        for (int n = 0; n < 3; n++) {
            Object last = output;
            output = ctx.run("noop", () -> last);
        }
        return output;
    }

    private static Object codeLong(WorkflowContext ctx, Object input) {
        int steps = number(input, "steps").intValue();
        for (int n = 0; n < steps; n++) {
            ctx.step("bench.noop", ITEM);
        }
        return null;
    }

    private static Object codeSleep(WorkflowContext ctx, Object input) {
        double seconds = number(input, "seconds").doubleValue();
        ctx.sleep(Duration.ofNanos(Math.round(seconds * NS_PER_S)));
        return null;
    }

    private void say(String name, Object value) throws IOException {
        Map<String, Object> message = new LinkedHashMap<>();
        message.put(name, value);
        message.put("at_s", System.nanoTime() / NS_PER_S);
        out.println(JSON.writeValueAsString(message));
        out.flush();
    }

    private static Number number(Object input, String name) {
        return (Number) ((Map<?, ?>) input).get(name);
    }

    private static void awaitEndOfInput() throws IOException {
        byte[] ignored = new byte[READ_BYTES];
        while (System.in.read(ignored) >= 0) {
            Thread.yield();
        }
    }

    private static Map<String, Object> item() {
        Map<String, Object> item = new LinkedHashMap<>();
        item.put("hello", "world");
        item.put("n", 1);
        item.put("text", "a".repeat(70));
        return item;
    }
}
