package io.stellwerk;

import com.google.protobuf.ByteString;
import io.stellwerk.v1.Decision;
import io.stellwerk.v1.Task;
import io.stellwerk.v1.TaskResult;
import io.stellwerk.v1.TaskVerdict;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * Decides the runs of code workflows: keeps those it has decided for a while, so that they need not be replayed. Must not
 * poll or send. Everything in the loop, but what says otherwise.
 */
final class Decisions implements DecidedRun.Ends {
    private static final Duration IDLE = Duration.ofSeconds(10);
    /** Threads that drive code: each is busy for a moment, unless code blocks. */
    private static final int DRIVERS = 8;

    private final Map<String, WorkflowPlan> plans;
    private final Loop loop;
    private final HeldTask.Lines lines;
    private final Consumer<TaskResult> finish;
    private final Runnable freed;
    private final int cachedRuns;
    private final HandlerThreads drivers = new HandlerThreads(DRIVERS, () -> {});
    private final CodeThreads codeThreads = new CodeThreads();
    private final DecidedRun.Tools tools;
    private final Map<ByteString, HeldTask> held = new ConcurrentHashMap<>();
    private final Map<ByteString, DecidedRun> deciding = new HashMap<>();
    private final Map<String, DecidedRun> runs = new HashMap<>();
    /** Those between two decisions, the one that has waited longest first, and since when. */
    private final Map<DecidedRun, Long> idle = new LinkedHashMap<>();

    private boolean sweeping;
    private boolean stopping;
    private volatile int running;

    /**
     * What it needs of the worker.
     *
     * @param finish takes results
     * @param freed is told of free places
     */
    record Place(
            Loop loop,
            Calls calls,
            HeldTask.Lines lines,
            HandlerThreads handlers,
            Consumer<TaskResult> finish,
            Runnable freed) {}

    Decisions(Map<String, WorkflowPlan> plans, Place place, int cachedRuns, Decision signature) {
        this.plans = plans;
        this.loop = place.loop();
        this.lines = place.lines();
        this.finish = place.finish();
        this.freed = place.freed();
        this.cachedRuns = cachedRuns;
        var histories = new HistoryReader(loop, place.calls());
        this.tools = new DecidedRun.Tools(loop, drivers, place.handlers(), codeThreads, histories, signature, this);
    }

    /** How many decisions are going on; for any thread. */
    int running() {
        return running;
    }

    /** The tasks held now; for any thread. */
    Collection<HeldTask> held() {
        return held.values();
    }

    /** Decide each; one of a workflow nobody here knows is given back. */
    void accept(List<Task> tasks) {
        long nowNs = System.nanoTime();
        for (Task task : tasks) {
            WorkflowPlan plan = plans.get(task.getWorkflow());
            if (plan == null) {
                finish.accept(Runner.released(task));
            } else {
                begin(new HeldTask(task, null, lines, nowNs), plan);
            }
        }
    }

    /** The server took a decision back. False when it is none of these. */
    boolean cancel(ByteString token) {
        DecidedRun run = deciding.get(token);
        if (run != null) {
            run.drop();
        }
        return run != null;
    }

    /** A result has its verdict. False when it is none of these. */
    boolean settled(TaskResult result, TaskVerdict verdict, RequestError problem) {
        DecidedRun run = deciding.get(result.getToken());
        if (run == null) {
            return false;
        }
        run.answered(verdict, problem);
        if (stopping) {
            run.release();
        }
        return true;
    }

    /** The worker stops: decisions that are not on their way are given back. */
    void releaseAll() {
        stopping = true;
        List.copyOf(deciding.values()).forEach(DecidedRun::release);
    }

    /** Let go of all runs. */
    void close() {
        stopping = true;
        List.copyOf(runs.values()).forEach(DecidedRun::drop);
        drivers.close();
        codeThreads.close();
    }

    @Override
    public void send(TaskResult result) {
        finish.accept(result);
    }

    @Override
    public void decided(DecidedRun run) {
        leave(run);
        if (run.hasEnded() || stopping) {
            run.drop();
        } else {
            idle.put(run, System.nanoTime());
            makeRoom(0);
            sweepLater(IDLE);
        }
        freed.run();
    }

    @Override
    public void dropped(DecidedRun run) {
        leave(run);
        idle.remove(run);
        runs.values().remove(run);
        freed.run();
    }

    private void begin(HeldTask task, WorkflowPlan plan) {
        String runId = task.task.getRunId();
        DecidedRun run = runs.get(runId);
        if (run != null && idle.remove(run) == null) {
            if (run.isSaid()) { // its verdict is on the way, or it was lost: then the journal does not fit
                leave(run);
            } else { // we were too slow; the new lease is what counts
                run.drop();
                run = null;
            }
        }
        if (run == null) {
            makeRoom(1);
            run = new DecidedRun(plan, tools);
            runs.put(runId, run);
        }
        held.put(task.token(), task);
        deciding.put(task.token(), run);
        count();
        run.begin(task);
    }

    private void leave(DecidedRun run) {
        HeldTask task = run.held();
        if (task != null && deciding.remove(task.token(), run)) {
            held.remove(task.token());
            count();
        }
    }

    /** Only the loop counts, others look. */
    private void count() {
        running = deciding.size();
    }

    /** A run costs a thread while it is held. */
    private void makeRoom(int more) {
        while (runs.size() + more > cachedRuns && !idle.isEmpty()) {
            idle.keySet().iterator().next().drop();
        }
    }

    private void sweepLater(Duration delay) {
        if (!sweeping) {
            sweeping = true;
            loop.after(delay, this::sweep);
        }
    }

    private void sweep() {
        sweeping = false;
        long limitNs = System.nanoTime() - IDLE.toNanos();
        List<DecidedRun> old = new ArrayList<>();
        idle.forEach((run, sinceNs) -> {
            if (sinceNs - limitNs <= 0) {
                old.add(run);
            }
        });
        old.forEach(DecidedRun::drop);
        if (!idle.isEmpty()) {
            long oldestNs = idle.values().iterator().next();
            sweepLater(Duration.ofNanos(Math.max(oldestNs - limitNs, 1)));
        }
    }
}
