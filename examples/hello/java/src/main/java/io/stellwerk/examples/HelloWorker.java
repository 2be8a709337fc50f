package io.stellwerk.examples;

import io.stellwerk.Worker;
import java.util.Arrays;
import java.util.stream.Stream;

/** The hello worker: a plain handler and one that streams. Serves 127.0.0.1:7400, or STELLWERK_ADDRESS. */
public final class HelloWorker {
    record Guest(String name) {}

    private HelloWorker() {}

    static String greet(Guest guest) {
        return "Hello, %s!".formatted(guest.name());
    }

    /** Whoever watches the run sees each word as it is said; the step's output is the list of them. */
    static Stream<String> speak(String greeting) {
        return Arrays.stream(greeting.split(" ", -1));
    }

    public static void main(String[] args) {
        var worker = new Worker();
        worker.register("hello.greet", Guest.class, HelloWorker::greet);
        worker.register("hello.speak", String.class, HelloWorker::speak);
        worker.start();
    }
}
