package io.stellwerk.conformance;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What a block of ops sees. Must not know ops.
 *
 * @param outcomes those kept so far
 * @param turn of the loop it is in; null outside
 */
record Scope(List<Object> outcomes, Integer turn) {
    Scope() {
        this(new ArrayList<>(), null);
    }

    /** Of a block of its own: it sees what is kept, and keeps for itself. */
    Scope inner(Integer turn) {
        return new Scope(new ArrayList<>(outcomes), turn);
    }

    void keep(Object value) {
        outcomes.add(Values.mapOf("ok", value));
    }

    /** The value of the last outcome; null without one. */
    Object last() {
        return outcomes.isEmpty() ? null : ((Map<?, ?>) outcomes.get(outcomes.size() - 1)).get("ok");
    }
}
