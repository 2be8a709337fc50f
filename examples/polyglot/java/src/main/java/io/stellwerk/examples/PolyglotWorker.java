package io.stellwerk.examples;

import com.fasterxml.jackson.core.type.TypeReference;
import io.stellwerk.Worker;
import java.util.List;

/** The Java part of polyglot: draws a chart of the words that Python has counted and Node has sorted. */
public final class PolyglotWorker {
    record Counted(String word, int times) {}

    private PolyglotWorker() {}

    static List<String> draw(List<Counted> words) {
        return words.stream()
                .map(each -> "%s %s".formatted("#".repeat(each.times()), each.word()))
                .toList();
    }

    public static void main(String[] args) {
        var worker = new Worker();
        worker.register("polyglot.draw", new TypeReference<List<Counted>>() {}, PolyglotWorker::draw);
        worker.start();
    }
}
