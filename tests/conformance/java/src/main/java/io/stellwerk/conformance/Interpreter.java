package io.stellwerk.conformance;

import io.stellwerk.Client;
import io.stellwerk.TaskContext;
import io.stellwerk.Worker;
import io.stellwerk.WorkerOptions;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.function.Consumer;

/**
 * The Java worker of the conformance cases: its handlers run the program they get as input. Must not know any case: what
 * a program may say stands in tests/conformance/README.md.
 */
public final class Interpreter {
    private static final double MS_PER_S = 1_000;

    private final Folder folder;
    private final Calls calls = new Calls();

    private Interpreter(Folder folder) {
        this.folder = folder;
    }

    /** Works until SIGTERM; with the argument "tls" it only tries what the environment says of TLS. */
    public static void main(String[] arguments) {
        if (List.of(arguments).contains("tls")) {
            tryTls();
            return;
        }
        var interpreter = new Interpreter(new Folder(Path.of(System.getenv("CONFORMANCE_FOLDER"))));
        var worker = new Worker(options());
        for (String action :
                variable("CONFORMANCE_ACTIONS", "perform,generate,block").split(",")) {
            if (action.equals("generate")) {
                worker.register(action, interpreter::generate);
            } else if (!action.equals("none")) {
                worker.register(action, interpreter::perform);
            }
        }
        register(worker);
        worker.start();
    }

    private static void register(Worker worker) {
        String queue = variable("CONFORMANCE_STEP_QUEUE", System.getenv("CONFORMANCE_QUEUE"));
        Path folder = Path.of(System.getenv("CONFORMANCE_FOLDER"));
        var decider = Decider.of(folder, queue, variable("CONFORMANCE_BUILD", ""));
        whenSet("CONFORMANCE_WORKFLOWS", names -> {
            for (String name : names.split(",")) {
                worker.workflow(name, decider::decide);
            }
        });
    }

    private Object perform(Object program, TaskContext ctx) throws Exception {
        return new Performance(program, ctx, folder, calls).toEnd();
    }

    private Iterator<Object> generate(Object program, TaskContext ctx) {
        return new Performance(program, ctx, folder, calls);
    }

    private static WorkerOptions options() {
        WorkerOptions.Builder options = WorkerOptions.builder().queue(System.getenv("CONFORMANCE_QUEUE"));
        whenSet("CONFORMANCE_SLOTS", text -> options.slots(Integer.parseInt(text)));
        whenSet("CONFORMANCE_POLLS", text -> options.polls(Integer.parseInt(text)));
        whenSet("CONFORMANCE_DRAIN_S", text -> options.drain(seconds(Double.parseDouble(text))));
        whenSet("CONFORMANCE_WORKER_ID", options::workerId);
        whenSet("CONFORMANCE_CACHED_RUNS", text -> options.cachedRuns(Integer.parseInt(text)));
        whenSet("CONFORMANCE_BUILD", options::build);
        whenSet("CONFORMANCE_PIN_RUNS", text -> options.pinRuns(true));
        return options.build();
    }

    private static void whenSet(String name, Consumer<String> use) {
        String text = variable(name, "");
        if (!text.isEmpty()) {
            use.accept(text);
        }
    }

    private static String variable(String name, String otherwise) {
        String text = System.getenv(name);
        return text == null || text.isEmpty() ? otherwise : text;
    }

    static Duration seconds(double seconds) {
        return Duration.ofMillis(Math.round(seconds * MS_PER_S));
    }

    private static void tryTls() {
        try {
            new Client().close();
        } catch (IllegalArgumentException error) {
            System.out.print(error.getMessage());
        }
    }
}
