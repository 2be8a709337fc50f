package io.stellwerk.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.stellwerk.Worker;
import io.stellwerk.WorkerOptions;
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
        worker.register("bench.split", input -> Collections.nCopies(count(input), ITEM));
        worker.register("bench.join", input -> Map.of("items", ((Collection<?>) input).size()));
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

    private void say(String name, Object value) throws IOException {
        Map<String, Object> message = new LinkedHashMap<>();
        message.put(name, value);
        message.put("at_s", System.nanoTime() / NS_PER_S);
        out.println(JSON.writeValueAsString(message));
        out.flush();
    }

    private static int count(Object input) {
        return ((Number) ((Map<?, ?>) input).get("items")).intValue();
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
