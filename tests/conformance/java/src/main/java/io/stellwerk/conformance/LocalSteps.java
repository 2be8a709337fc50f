package io.stellwerk.conformance;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What a local step of the code workflow does: a few ops, run here, not recorded one by one. Must not know ctx: it is
 * what the code does outside.
 */
final class LocalSteps {
    private static final long LOOK_MS = 20;

    private final Folder folder;
    private final Map<String, Integer> tries = new ConcurrentHashMap<>();

    LocalSteps(Folder folder) {
        this.folder = folder;
    }

    /** The function that ctx.run gets; counts its tries since the worker began. */
    Callable<Object> performed(String runId, Map<String, Object> op, Object value) {
        String place = runId + " " + op.get("name");
        List<Map<String, Object>> ops = Values.cast(op.get("do"));
        return () -> perform(ops, value, place, tries.merge(place, 1, Integer::sum));
    }

    private Object perform(List<Map<String, Object>> ops, Object value, String place, int attempt) throws Exception {
        for (Map<String, Object> op : ops) {
            boolean skipped = attempt < Values.integer(op, "from", 1) || attempt > Values.integer(op, "upto", attempt);
            if (skipped) {
                continue;
            }
            if (op.get("op").equals("make")) {
                return Values.make((String) op.get("kind"), Values.integer(op, "size", 0));
            }
            if (op.get("op").equals("return")) {
                return op.containsKey("value") ? op.get("value") : value;
            }
            act(op, place + " " + attempt);
        }
        return null;
    }

    private void act(Map<String, Object> op, String place) throws IOException, InterruptedException {
        switch ((String) op.get("op")) {
            case "fail" -> Failing.fail(op);
            case "sleep" ->
                Thread.sleep(Interpreter.seconds(Values.number(op, "s")).toMillis());
            case "await" -> {
                while (!folder.isOpen((String) op.get("latch"))) {
                    Thread.sleep(LOOK_MS);
                }
            }
            case "note" -> folder.note(place + " " + op.get("text"));
            default -> Failing.dieOnce(folder, (String) op.get("once"));
        }
    }
}
