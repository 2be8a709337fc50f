package io.stellwerk;

import com.google.protobuf.ByteString;
import io.stellwerk.v1.Command;
import io.stellwerk.v1.Decision;
import io.stellwerk.v1.Event;
import io.stellwerk.v1.Failure;
import io.stellwerk.v1.Journal;
import io.stellwerk.v1.LocalCommand;
import io.stellwerk.v1.Task;
import io.stellwerk.v1.TaskResult;
import io.stellwerk.v1.TaskVerdict;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A run this worker decides, or has decided and still holds: feeds its code what is new and sends what that asks for, at
 * most one result at a time. Must not know other runs. Everything in the loop, but the code itself.
 */
final class DecidedRun {
    private static final Logger LOGGER = LoggerFactory.getLogger("stellwerk");
    private static final int COMMANDS_MAX = 1_000;
    /** While only local steps hold a decision open, it is asked so often what is new. */
    private static final Duration ASK = Duration.ofSeconds(1);

    private final WorkflowPlan plan;
    private final Tools tools;
    private final Map<String, LocalRun> locals = new LinkedHashMap<>();
    private final Deque<Command> outgoing = new ArrayDeque<>();
    private HeldTask held;
    private Replayer code;
    private Decision sent;
    private Future<?> asking;
    private boolean driving;
    private boolean dropped;
    private long seen;

    /**
     * What the runs of one worker share.
     *
     * @param signature what every decision says of its worker
     */
    record Tools(
            Loop loop,
            HandlerThreads drivers,
            HandlerThreads handlers,
            CodeThreads codeThreads,
            HistoryReader histories,
            Decision signature,
            Ends ends) {}

    /** Is told how a decision has come to its end. */
    interface Ends {
        /** This is to be sent. */
        void send(TaskResult result);

        /** The decision is over and recorded; the run may be kept for the next one. */
        void decided(DecidedRun run);

        /** There is no more to decide here; what was to be said is sent. */
        void dropped(DecidedRun run);
    }

    /** Something that may find out that the code has done what it must not. */
    private interface Feeding {
        void feed() throws DecisionFailed;
    }

    DecidedRun(WorkflowPlan plan, Tools tools) {
        this.plan = plan;
        this.tools = tools;
    }

    /** The decision this run is in; null between two. */
    HeldTask held() {
        return held;
    }

    /** True when there is nothing left to keep it for. */
    boolean hasEnded() {
        return code == null || code.hasEnded();
    }

    /** Decide; code that has seen all that was before only gets what is new. */
    void begin(HeldTask given) {
        held = given;
        sent = null;
        Journal journal = given.task.getJournal();
        if (code != null && seen == journal.getAfterSequence()) {
            tell(journal.getEventsList(), journal.getSequence(), List.of());
        } else if (journal.getAfterSequence() == 0) {
            beginCode(journal.getEventsList(), journal.getSequence());
        } else {
            readAnew();
        }
    }

    /** True when nothing is left of this decision but its verdict; the next one may overtake that. */
    boolean isSaid() {
        return sent != null && !sent.getKeep();
    }

    /** The server has the result; {@code problem} when it does not want it. */
    void answered(TaskVerdict verdict, RequestError problem) {
        Decision answered = sent;
        sent = null;
        if (dropped || answered == null) {
            return;
        }
        if (problem instanceof LeaseLost) {
            LOGGER.info("{} is decided elsewhere: {}", held.task.getRunId(), problem.getMessage());
            drop();
        } else if (problem != null) {
            fail(refused(problem));
        } else if (!answered.getKeep()) {
            tools.ends().decided(this);
            held = null;
        } else {
            goOn(answered, verdict.getJournal());
        }
    }

    /** The worker stops: give the decision back. One whose result is on its way is given back after that. */
    void release() {
        if (sent == null && !dropped && held != null) {
            tools.ends().send(Runner.released(held.task));
            drop();
        }
    }

    /** Forget the run: its code leaves its thread, its local steps are interrupted. */
    void drop() {
        if (dropped) {
            return;
        }
        dropped = true;
        stopAsking();
        if (code != null) {
            code.evict();
        }
        cancelLocals();
        tools.ends().dropped(this);
    }

    private void goOn(Decision answered, Journal journal) {
        if (journal.getAfterSequence() != seen) {
            readAnew();
            return;
        }
        List<Command> ran =
                answered.getCommandsList().stream().filter(Command::hasLocal).toList();
        if (journal.getEventsCount() == 0 && ran.isEmpty()) {
            seen = journal.getSequence();
            advance();
        } else {
            tell(journal.getEventsList(), journal.getSequence(), ran);
        }
    }

    /** Local steps go on, and what they have ended with is not lost; all else is asked for again. */
    private void readAnew() {
        if (code != null) {
            code.evict();
            code = null;
        }
        outgoing.removeIf(command -> !command.hasLocal());
        Task task = held.task;
        tools.histories().read(task.getRunId(), () -> !dropped, (events, problem) -> {
            if (problem == null) {
                beginCode(events, events.get(events.size() - 1).getSequence());
            } else {
                fail(refused(problem).toBuilder().setTerminal(false).build());
            }
        });
    }

    private void beginCode(List<Event> history, long upTo) {
        if (code != null) {
            code.evict();
        }
        Task task = held.task;
        var facts = new Replayer.RunFacts(
                task.getRunId(), task.getWorkflow(), task.getInput(), Map.copyOf(task.getTraceMap()));
        code = new Replayer(plan, facts, tools.codeThreads());
        tell(history, upTo, List.of());
    }

    private void tell(List<Event> events, long upTo, List<Command> ran) {
        driving = true;
        Replayer told = code;
        tools.drivers().submit(() -> {
            Failure failure = attempt(() -> {
                told.tell(events);
                for (Command command : ran) {
                    told.ran(command.getStep(), command.getLocal());
                }
            });
            tools.loop().execute(() -> told(told, upTo, failure));
        });
    }

    private static Failure attempt(Feeding feeding) {
        try {
            feeding.feed();
            return null;
        } catch (DecisionFailed failed) {
            return failed.failure();
        } catch (Throwable error) { // a bug of ours must not leave the decision hanging
            LOGGER.error("a bug in Stellwerk's SDK", error);
            return Failures.of(error);
        }
    }

    private void told(Replayer told, long upTo, Failure failure) {
        driving = false;
        if (dropped) {
            told.evict();
            return;
        }
        if (failure != null) {
            LOGGER.warn("a decision of {} failed: {}", held.task.getRunId(), failure.getMessage());
            fail(failure);
            return;
        }
        seen = upTo;
        outgoing.addAll(code.takeCommands());
        if (code.hasEnded()) {
            cancelLocals();
            outgoing.removeIf(Command::hasLocal);
        } else {
            endGivenUp();
            code.takeLocals().forEach(this::start);
        }
        advance();
    }

    private void start(LocalCall call) {
        boolean ran = outgoing.stream()
                .anyMatch(command -> command.hasLocal() && command.getStep().equals(call.step()));
        if (!ran && !locals.containsKey(call.step())) {
            var local = new LocalRun(call, tools.loop(), tools.handlers(), this::ran);
            locals.put(call.step(), local);
            local.begin();
        }
    }

    private void ran(LocalRun local) {
        if (!dropped && locals.remove(local.call().step(), local)) {
            LocalCommand outcome = local.outcome();
            outgoing.add(Commands.local(local.call().step(), outcome));
            advance();
        }
    }

    private void endGivenUp() {
        locals.values().removeIf(local -> {
            if (local.call().isGivenUp()) {
                local.cancel();
            }
            return local.call().isGivenUp();
        });
    }

    private void cancelLocals() {
        locals.values().forEach(LocalRun::cancel);
        locals.clear();
    }

    /** Send what there is; without `keep` once nothing runs here any more and all is told. */
    private void advance() {
        if (driving || sent != null || code == null) {
            return;
        }
        List<Command> batch = take();
        boolean keep =
                !outgoing.isEmpty() || !locals.isEmpty() || batch.stream().anyMatch(Command::hasLocal);
        if (batch.isEmpty() && keep) {
            askLater();
        } else {
            say(batch, keep);
        }
    }

    /** Local steps take their time, and signals and cancels must reach the code meanwhile. */
    private void askLater() {
        if (asking == null) {
            asking = tools.loop().after(ASK, this::ask);
        }
    }

    private void ask() {
        asking = null;
        if (!dropped && !driving && sent == null && code != null && !locals.isEmpty()) {
            say(List.of(), true);
        }
    }

    private void stopAsking() {
        if (asking != null) {
            asking.cancel(false);
            asking = null;
        }
    }

    private void say(List<Command> batch, boolean keep) {
        stopAsking();
        sent = tools.signature().toBuilder()
                .setSequence(seen)
                .addAllCommands(batch)
                .setKeep(keep)
                .build();
        tools.ends()
                .send(TaskResult.newBuilder()
                        .setToken(token())
                        .setDecision(sent)
                        .build());
    }

    private List<Command> take() {
        List<Command> batch = new ArrayList<>();
        long sizeBytes = 0;
        while (!outgoing.isEmpty() && batch.size() < COMMANDS_MAX) {
            sizeBytes += outgoing.peek().getSerializedSize();
            if (!batch.isEmpty() && sizeBytes > Target.BATCH_BYTES_MAX) {
                break;
            }
            batch.add(outgoing.poll());
        }
        return batch;
    }

    private void fail(Failure failure) {
        tools.ends()
                .send(TaskResult.newBuilder()
                        .setToken(token())
                        .setFailure(failure)
                        .build());
        drop();
    }

    private static Failure refused(RequestError problem) {
        return Failure.newBuilder()
                .setType(problem.reason().isEmpty() ? problem.code() : problem.reason())
                .setMessage(Failures.clean(problem.text()))
                // A fault of the server may be over with the next try.
                .setTerminal(!problem.code().equals("INTERNAL"))
                .build();
    }

    private ByteString token() {
        return held.token();
    }
}
