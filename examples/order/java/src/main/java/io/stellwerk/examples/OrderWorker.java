package io.stellwerk.examples;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.stellwerk.RetryableError;
import io.stellwerk.TaskContext;
import io.stellwerk.TerminalError;
import io.stellwerk.Worker;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/** The order worker: failures that are tried again, one that is not, and one that somebody has to decide. */
public final class OrderWorker {
    private static final int CARD_LIMIT = 100_000;

    record Order(String order, long total) {}

    record Receipt(long amount, String key, int attempt) {}

    record Shipment(
            String order, @JsonProperty("closed_sign") String closedSign) {}

    /** Any error that is no TerminalError is tried again, as the step's `retry` says. */
    static final class WarehouseClosed extends Exception {
        WarehouseClosed(String message) {
            super(message);
        }
    }

    private OrderWorker() {}

    /** Ask the bank, which is busy at first and takes small amounts only. */
    static Receipt charge(Order order, TaskContext ctx) {
        if (ctx.attempt() == 1) {
            throw new RetryableError("the bank is busy", Duration.ofMillis(100), "BankBusy", null);
        }
        if (order.total() >= CARD_LIMIT) {
            throw new TerminalError("the card was declined", "CardDeclined", Map.of("limit", CARD_LIMIT));
        }
        // The key is the same in every attempt: a bank that is asked twice charges once.
        return new Receipt(order.total(), ctx.idempotencyKey(), ctx.attempt());
    }

    static String ship(Shipment shipment) throws WarehouseClosed {
        if (shipment.closedSign() != null && Files.exists(Path.of(shipment.closedSign()))) {
            throw new WarehouseClosed("nobody is here to pack " + shipment.order());
        }
        return "parcel of " + shipment.order();
    }

    public static void main(String[] args) {
        var worker = new Worker();
        worker.register("order.charge", Order.class, OrderWorker::charge);
        worker.register("order.ship", Shipment.class, OrderWorker::ship);
        worker.start();
    }
}
