package io.stellwerk.examples;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.stellwerk.RunCancelled;
import io.stellwerk.StepFailed;
import io.stellwerk.StepOptions;
import io.stellwerk.TerminalError;
import io.stellwerk.Worker;
import io.stellwerk.WorkflowContext;
import java.util.ArrayList;
import java.util.List;

/**
 * The saga worker: three bookings that belong together; when one fails, all of them are undone, the last one first.
 * Serves 127.0.0.1:7400, or STELLWERK_ADDRESS.
 */
public final class SagaWorker {
    private static final List<String> PARTS = List.of("flight", "hotel", "car");

    /** {@code slowS}: how long the hotel takes to answer, for those who want to be in time to kill the worker. */
    record Trip(String to, @JsonProperty("slow_s") Double slowS) {}

    record Booking(
            String what,
            String to,
            String number,
            @JsonProperty("slow_s") double slowS) {
        static Booking of(String what, Trip trip, String runId) {
            double slowS = what.equals("hotel") && trip.slowS() != null ? trip.slowS() : 0;
            return new Booking(what, trip.to(), runId + "/" + what, slowS);
        }
    }

    private SagaWorker() {}

    static List<String> bookTrip(WorkflowContext ctx, Trip trip) {
        var begun = new ArrayList<Booking>();
        var booked = new ArrayList<String>();
        try {
            for (var what : PARTS) {
                var booking = Booking.of(what, trip, ctx.runId());
                begun.add(0, booking); // first: an attempt that got lost or was cancelled may have booked all the same
                booked.add(ctx.step("saga.book", booking, String.class, named("book-" + what)));
            }
        } catch (StepFailed | RunCancelled reason) {
            for (var booking : begun) {
                ctx.step("saga.undo", booking, named("undo-" + booking.what()));
            }
            throw reason;
        }
        return booked;
    }

    private static StepOptions named(String name) {
        return StepOptions.builder().name(name).build();
    }

    static String book(Booking booking) throws InterruptedException {
        if (booking.what().equals("car") && booking.to().equals("Venice")) {
            throw new TerminalError("there are no cars in Venice", "NoCars", null);
        }
        Thread.sleep(Math.round(booking.slowS() * 1000));
        return "%s to %s, booked as %s".formatted(booking.what(), booking.to(), booking.number());
    }

    /** Undo whatever was booked under this number; nothing may be, and that is well, too. */
    static String undo(Booking booking) {
        return booking.number() + " is free";
    }

    static Worker worker() {
        var worker = new Worker();
        worker.workflow("saga", Trip.class, SagaWorker::bookTrip);
        worker.register("saga.book", Booking.class, SagaWorker::book);
        worker.register("saga.undo", Booking.class, SagaWorker::undo);
        return worker;
    }

    public static void main(String[] args) {
        worker().start();
    }
}
