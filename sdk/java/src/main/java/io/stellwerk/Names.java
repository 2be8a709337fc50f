package io.stellwerk;

import java.util.HashMap;
import java.util.Map;

/** Step ids of a run's commands: "charge", "charge#2", "charge#3". */
final class Names {
    private final Map<String, Integer> counts = new HashMap<>();

    /** The id of the next command of that name. */
    String next(String name) {
        if (name == null || name.isEmpty() || name.contains("#")) {
            throw new IllegalArgumentException(
                    "name: expected a text without '#', came " + Words.quoted(String.valueOf(name)));
        }
        int count = counts.merge(name, 1, Integer::sum);
        return count == 1 ? name : name + "#" + count;
    }
}
