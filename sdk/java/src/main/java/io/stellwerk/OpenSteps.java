package io.stellwerk;

import com.fasterxml.jackson.databind.JavaType;
import io.stellwerk.v1.Payload;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** The steps a run's code has asked for and that have not ended. Must not decide what ends them. The
 * driver may look while the code runs. */
final class OpenSteps {
    /** More than that at once is a mistake. */
    static final int MOST = 10_000;

    private final Map<String, Waiting> steps = new LinkedHashMap<>();
    private List<LocalCall> starting = new ArrayList<>();

    /** What a step waits for, which tells what its failure is to the code. */
    enum Kind {
        ACTION,
        LOCAL,
        SLEEP,
        SIGNAL,
        CHILD
    }

    /**
     * One step: who waits for it.
     *
     * @param type what its output is read as
     * @param local null unless this worker runs it
     */
    record Waiting(Kind kind, CodeFuture<Object> future, JavaType type, LocalCall local) {
        /** The end it came to: with a failure when there is no output. */
        void end(Payload output, io.stellwerk.v1.Failure failure) {
            if (output == null) {
                future.completeExceptionally(error(failure));
                return;
            }
            try {
                future.complete(kind == Kind.SLEEP ? null : Payloads.decode(output, type));
            } catch (InputError unfit) {
                future.completeExceptionally(unfit);
            }
        }

        private StepFailed error(io.stellwerk.v1.Failure failure) {
            if (kind == Kind.CHILD) {
                return new ChildFailed(future.step(), failure);
            }
            boolean late = kind == Kind.SIGNAL && failure.getType().equals("SignalTimeout");
            return late ? new SignalTimeout(future.step(), failure) : new StepFailed(future.step(), failure);
        }
    }

    synchronized void add(Waiting waiting) {
        steps.put(waiting.future().step(), waiting);
    }

    synchronized Waiting get(String step) {
        return steps.get(step);
    }

    /** It has ended, or is not wanted any more; null when it was so before. */
    synchronized Waiting take(String step) {
        return steps.remove(step);
    }

    synchronized boolean isEmpty() {
        return steps.isEmpty();
    }

    synchronized int size() {
        return steps.size();
    }

    synchronized Collection<String> steps() {
        return List.copyOf(steps.keySet());
    }

    /** This local step is to be run. */
    synchronized void start(LocalCall call) {
        starting.add(call);
    }

    synchronized List<LocalCall> takeLocals() {
        List<LocalCall> taken =
                starting.stream().filter(call -> !call.isGivenUp()).toList();
        starting = new ArrayList<>();
        return taken;
    }

    /** The open steps that somebody waits for who waits for these; with a future that is not ours, all. */
    synchronized Collection<String> behind(Collection<? extends CompletableFuture<?>> wanted) {
        Set<String> found = new LinkedHashSet<>();
        var left = new ArrayList<CompletableFuture<?>>(wanted);
        while (!left.isEmpty()) {
            CompletableFuture<?> next = left.remove(left.size() - 1);
            if (next.isDone()) {
                continue;
            }
            if (!(next instanceof CodeFuture<?> ours)) {
                return steps();
            }
            if (steps.containsKey(ours.step())) {
                found.add(ours.step());
            }
            left.addAll(ours.sources());
        }
        return steps.keySet().stream().filter(found::contains).toList();
    }

    /** Whoever is parked in one of them leaves with this error. */
    void failAll(Throwable error) {
        List<Waiting> left;
        synchronized (this) {
            left = List.copyOf(steps.values());
        }
        left.forEach(waiting -> waiting.future().completeExceptionally(error));
    }
}
