package io.stellwerk.testing;

import com.fasterxml.jackson.core.type.TypeReference;
import io.stellwerk.Rehearsal;
import io.stellwerk.RunState;
import io.stellwerk.Signal;
import java.util.Map;
import java.util.UUID;

/** A run under test, much as a client's handle; when it goes on as a new one it is that. */
public final class TestRun {
    private final Rehearsal.Started run;

    TestRun(Rehearsal.Started run) {
        this.run = run;
    }

    /** The run's id. */
    public String runId() {
        return run.runId();
    }

    /** Where it stands. */
    public RunState state() {
        return run.state();
    }

    /** What its code has published, by key. */
    public Map<String, Object> published() {
        return run.published();
    }

    /** What it can be found by. */
    public Map<String, Object> attributes() {
        return run.attributes();
    }

    /** What {@code stellwerk run history --json} writes, parsed. */
    public Map<String, Object> history() {
        return run.history();
    }

    /** Tell it something; it goes as far as it can without time passing. */
    public void signal(String name, Object payload) {
        run.signal(new Signal(name, payload, UUID.randomUUID().toString()));
    }

    /** Ask it to end; it goes as far as it can without time passing. */
    public void cancel() {
        cancel("");
    }

    /** Ask it to end, with a reason. */
    public void cancel(String reason) {
        run.cancel(reason);
    }

    /**
     * Let time pass while only timers are left, then give the output as plain Java.
     *
     * @throws io.stellwerk.RunFailed as a client does
     * @throws TestStuck when it waits for what nobody sends
     */
    public Object result() {
        return run.result(Object.class);
    }

    /** The output as a class; see {@link #result()}. */
    public <T> T result(Class<T> output) {
        return run.result(output);
    }

    /** The output as a generic type; see {@link #result()}. */
    public <T> T result(TypeReference<T> output) {
        return run.result(output.getType());
    }
}
