package io.stellwerk;

import io.stellwerk.v1.Event;
import io.stellwerk.v1.Payload;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What a history says of the commands that were given before; a replay compares its own with it. Must not run code. */
final class Recorded {
    private static final Set<String> ENDS = Set.of("STEP_SUCCEEDED", "STEP_FAILED", "STEP_CANCELLED");

    private final Deque<Called> commands = new ArrayDeque<>();
    private final Set<String> ran = new HashSet<>();
    private final Set<String> ended = new HashSet<>();
    private final Set<String> patches = new HashSet<>();
    private final Map<String, Payload> kept = new HashMap<>();
    private long decided;

    /** From a whole history. */
    static Recorded of(List<Event> history) {
        var recorded = new Recorded();
        history.forEach(recorded::read);
        return recorded;
    }

    /** The last event that somebody has decided after; what comes later is new. */
    long decided() {
        return decided;
    }

    /** True while commands are recorded that the code has not given yet. */
    boolean hasNext() {
        return !commands.isEmpty();
    }

    /** The difference between the next recorded command and the one the code gives instead; null for none. */
    String compare(int number, Called now) {
        Called before = commands.poll();
        return before.isSame(now) ? null : difference(number, before, now);
    }

    boolean hasPatch(String id) {
        return patches.contains(id);
    }

    /** The difference when the code gives nothing more; null for none. */
    String compareWithNothing(int number) {
        if (!commands.isEmpty()) {
            return "step " + number + ": recorded " + commands.peek().shown() + ", now nothing";
        }
        return ran.isEmpty()
                ? null
                : "step " + number + ": recorded run " + ran.iterator().next() + ", now nothing";
    }

    /** The code has called a local step: true when its end is recorded. */
    boolean takeRan(String step) {
        return ran.remove(step);
    }

    /** What a step of the run this one was forked from has given; null when it is to be done. */
    Payload kept(String step) {
        return kept.get(step);
    }

    /** True when there is nothing left to cancel. */
    boolean hasEnded(String step) {
        return ended.contains(step);
    }

    private void read(Event event) {
        if (event.getType().equals("STEP_KEPT")) {
            kept.put(event.getStep(), event.getPayload());
            return;
        }
        if (ENDS.contains(event.getType())) {
            ended.add(event.getStep());
        }
        Map<String, Object> attributes = Wire.attributes(event.getAttributes());
        if (!(attributes.get("decision") instanceof Number decision)) {
            return;
        }
        decided = Math.max(decided, decision.longValue());
        Called called = Called.of(event, attributes);
        if (called == null || called.kind() == Called.Kind.CANCEL) {
            return;
        }
        if (called.kind() == Called.Kind.LOCAL) {
            ran.add(called.step());
            return;
        }
        commands.add(called);
        if (called.kind() == Called.Kind.PATCH) {
            patches.add(called.subject());
        }
    }

    private static String difference(int number, Called before, Called now) {
        String was = before.shown();
        String is = now.shown();
        if (was.equals(is)) {
            was += " as " + before.name();
            is += " as " + now.name();
        }
        return "step " + number + ": recorded " + was + ", now " + is;
    }
}
