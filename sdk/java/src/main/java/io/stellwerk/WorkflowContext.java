package io.stellwerk;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JavaType;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;

/**
 * What the code of a workflow asks for and knows. Calls that wait block; their Async forms give a future of the code's own,
 * to be joined, combined and cancelled in the code's thread. Results are plain Java (Map, List, String, Long, ...) unless a
 * class or a generic type is named.
 *
 * <p>What fails throws {@link StepFailed}; when the run is cancelled, the wait throws {@link RunCancelled}, once. For the
 * workflow's own thread only.
 */
public final class WorkflowContext {
    private static final JavaType ANY = Json.MAPPER.constructType(Object.class);

    private final Replayer code;
    private final Asking asking;
    private final Replayer.RunFacts facts;
    private final String parent;
    private final Draws draws;
    private final Logger logger;

    WorkflowContext(Replayer code, Replayer.RunFacts facts, String parent) {
        this.code = code;
        this.asking = new Asking(code);
        this.facts = facts;
        this.parent = parent;
        this.draws = new Draws(facts.runId());
        this.logger = ReplayLogger.silentWhile(code::isReplaying);
    }

    /** A task for any worker, in any language; gives its output. Throws StepFailed. */
    public Object step(String action) {
        return step(action, null, StepOptions.NONE);
    }

    /** A step with an input: anything with a JSON form, or byte[]. */
    public Object step(String action, Object input) {
        return step(action, input, StepOptions.NONE);
    }

    /** A step with an input and options. */
    public Object step(String action, Object input, StepOptions options) {
        return asking.step(action, input, ANY, options).join();
    }

    /** A step whose output is read as a class; throws InputError when it does not fit. */
    public <T> T step(String action, Object input, Class<T> type) {
        return step(action, input, type, StepOptions.NONE);
    }

    /** A step with options whose output is read as a class. */
    public <T> T step(String action, Object input, Class<T> type, StepOptions options) {
        return asking.<T>step(action, input, Json.MAPPER.constructType(type), options)
                .join();
    }

    /** A step whose output is read as a generic type; throws InputError when it does not fit. */
    public <T> T step(String action, Object input, TypeReference<T> type) {
        return step(action, input, type, StepOptions.NONE);
    }

    /** A step with options whose output is read as a generic type. */
    public <T> T step(String action, Object input, TypeReference<T> type, StepOptions options) {
        return asking.<T>step(action, input, Json.MAPPER.constructType(type), options)
                .join();
    }

    /** A local step: runs here, and what it gives is durable before the code goes on. It runs again when the worker dies
     * before that. Throws StepFailed. */
    public Object run(String name, Callable<?> function) {
        return run(name, function, StepOptions.NONE);
    }

    /** A local step with options, of which the retry policy counts. */
    public Object run(String name, Callable<?> function, StepOptions options) {
        return asking.run(name, function, ANY, options).join();
    }

    /** A local step whose result is read as a class, also the first time. */
    public <T> T run(String name, Callable<? extends T> function, Class<T> type) {
        return run(name, function, type, StepOptions.NONE);
    }

    /** A local step with options whose result is read as a class. */
    public <T> T run(String name, Callable<? extends T> function, Class<T> type, StepOptions options) {
        return asking.<T>run(name, function, Json.MAPPER.constructType(type), options)
                .join();
    }

    /** A local step whose result is read as a generic type, also the first time. */
    public <T> T run(String name, Callable<? extends T> function, TypeReference<T> type) {
        return run(name, function, type, StepOptions.NONE);
    }

    /** A local step with options whose result is read as a generic type. */
    public <T> T run(String name, Callable<? extends T> function, TypeReference<T> type, StepOptions options) {
        return asking.<T>run(name, function, Json.MAPPER.constructType(type), options)
                .join();
    }

    /** Wait so long: a durable timer, the worker holds nothing meanwhile. */
    public void sleep(Duration span) {
        code.sleep(span).join();
    }

    /** The same as {@link #sleep}. */
    public void wait(Duration span) {
        sleep(span);
    }

    /** Wait until the run is told this; gives the payload. */
    public Object waitSignal(String name) {
        return waitSignal(name, (Duration) null);
    }

    /** Wait until the run is told this, but not longer: then SignalTimeout is thrown. */
    public Object waitSignal(String name, Duration timeout) {
        return asking.signal(name, timeout, ANY).join();
    }

    /** A signal whose payload is read as a class. */
    public <T> T waitSignal(String name, Class<T> type) {
        return waitSignal(name, type, null);
    }

    /** A signal with a timeout whose payload is read as a class. */
    public <T> T waitSignal(String name, Class<T> type, Duration timeout) {
        return asking.<T>signal(name, timeout, Json.MAPPER.constructType(type)).join();
    }

    /** A signal whose payload is read as a generic type. */
    public <T> T waitSignal(String name, TypeReference<T> type) {
        return waitSignal(name, type, null);
    }

    /** A signal with a timeout whose payload is read as a generic type. */
    public <T> T waitSignal(String name, TypeReference<T> type, Duration timeout) {
        return asking.<T>signal(name, timeout, Json.MAPPER.constructType(type)).join();
    }

    /** A run of another workflow; gives its output. Throws ChildFailed. */
    public Object child(String workflow, Object input) {
        return child(workflow, input, ChildOptions.NONE);
    }

    /** A child run with options. */
    public Object child(String workflow, Object input, ChildOptions options) {
        return asking.child(workflow, input, ANY, options).join();
    }

    /** A child run whose output is read as a class. */
    public <T> T child(String workflow, Object input, Class<T> type) {
        return child(workflow, input, type, ChildOptions.NONE);
    }

    /** A child run with options whose output is read as a class. */
    public <T> T child(String workflow, Object input, Class<T> type, ChildOptions options) {
        return asking.<T>child(workflow, input, Json.MAPPER.constructType(type), options)
                .join();
    }

    /** A child run whose output is read as a generic type. */
    public <T> T child(String workflow, Object input, TypeReference<T> type) {
        return child(workflow, input, type, ChildOptions.NONE);
    }

    /** A child run with options whose output is read as a generic type. */
    public <T> T child(String workflow, Object input, TypeReference<T> type, ChildOptions options) {
        return asking.<T>child(workflow, input, Json.MAPPER.constructType(type), options)
                .join();
    }

    /** Like {@link #step(String)}, without waiting. */
    public CompletableFuture<Object> stepAsync(String action) {
        return stepAsync(action, null, StepOptions.NONE);
    }

    /** Like {@link #step(String, Object)}, without waiting. */
    public CompletableFuture<Object> stepAsync(String action, Object input) {
        return stepAsync(action, input, StepOptions.NONE);
    }

    /** Like {@link #step(String, Object, StepOptions)}, without waiting. */
    public CompletableFuture<Object> stepAsync(String action, Object input, StepOptions options) {
        return asking.step(action, input, ANY, options);
    }

    /** Like {@link #step(String, Object, Class)}, without waiting. */
    public <T> CompletableFuture<T> stepAsync(String action, Object input, Class<T> type) {
        return stepAsync(action, input, type, StepOptions.NONE);
    }

    /** Like {@link #step(String, Object, Class, StepOptions)}, without waiting. */
    public <T> CompletableFuture<T> stepAsync(String action, Object input, Class<T> type, StepOptions options) {
        return asking.step(action, input, Json.MAPPER.constructType(type), options);
    }

    /** Like {@link #step(String, Object, TypeReference)}, without waiting. */
    public <T> CompletableFuture<T> stepAsync(String action, Object input, TypeReference<T> type) {
        return stepAsync(action, input, type, StepOptions.NONE);
    }

    /** Like {@link #step(String, Object, TypeReference, StepOptions)}, without waiting. */
    public <T> CompletableFuture<T> stepAsync(String action, Object input, TypeReference<T> type, StepOptions options) {
        return asking.step(action, input, Json.MAPPER.constructType(type), options);
    }

    /** Like {@link #run(String, Callable)}, without waiting. */
    public CompletableFuture<Object> runAsync(String name, Callable<?> function) {
        return runAsync(name, function, StepOptions.NONE);
    }

    /** Like {@link #run(String, Callable, StepOptions)}, without waiting. */
    public CompletableFuture<Object> runAsync(String name, Callable<?> function, StepOptions options) {
        return asking.run(name, function, ANY, options);
    }

    /** Like {@link #run(String, Callable, Class)}, without waiting. */
    public <T> CompletableFuture<T> runAsync(String name, Callable<? extends T> function, Class<T> type) {
        return runAsync(name, function, type, StepOptions.NONE);
    }

    /** Like {@link #run(String, Callable, Class, StepOptions)}, without waiting. */
    public <T> CompletableFuture<T> runAsync(
            String name, Callable<? extends T> function, Class<T> type, StepOptions options) {
        return asking.run(name, function, Json.MAPPER.constructType(type), options);
    }

    /** Like {@link #run(String, Callable, TypeReference)}, without waiting. */
    public <T> CompletableFuture<T> runAsync(String name, Callable<? extends T> function, TypeReference<T> type) {
        return runAsync(name, function, type, StepOptions.NONE);
    }

    /** Like {@link #run(String, Callable, TypeReference, StepOptions)}, without waiting. */
    public <T> CompletableFuture<T> runAsync(
            String name, Callable<? extends T> function, TypeReference<T> type, StepOptions options) {
        return asking.run(name, function, Json.MAPPER.constructType(type), options);
    }

    /** Like {@link #sleep}, without waiting. */
    public CompletableFuture<Object> sleepAsync(Duration span) {
        return code.sleep(span);
    }

    /** Like {@link #waitSignal(String)}, without waiting. */
    public CompletableFuture<Object> waitSignalAsync(String name) {
        return waitSignalAsync(name, (Duration) null);
    }

    /** Like {@link #waitSignal(String, Duration)}, without waiting. */
    public CompletableFuture<Object> waitSignalAsync(String name, Duration timeout) {
        return asking.signal(name, timeout, ANY);
    }

    /** Like {@link #waitSignal(String, Class)}, without waiting. */
    public <T> CompletableFuture<T> waitSignalAsync(String name, Class<T> type) {
        return waitSignalAsync(name, type, null);
    }

    /** Like {@link #waitSignal(String, Class, Duration)}, without waiting. */
    public <T> CompletableFuture<T> waitSignalAsync(String name, Class<T> type, Duration timeout) {
        return asking.signal(name, timeout, Json.MAPPER.constructType(type));
    }

    /** Like {@link #waitSignal(String, TypeReference)}, without waiting. */
    public <T> CompletableFuture<T> waitSignalAsync(String name, TypeReference<T> type) {
        return waitSignalAsync(name, type, null);
    }

    /** Like {@link #waitSignal(String, TypeReference, Duration)}, without waiting. */
    public <T> CompletableFuture<T> waitSignalAsync(String name, TypeReference<T> type, Duration timeout) {
        return asking.signal(name, timeout, Json.MAPPER.constructType(type));
    }

    /** Like {@link #child(String, Object)}, without waiting. */
    public CompletableFuture<Object> childAsync(String workflow, Object input) {
        return childAsync(workflow, input, ChildOptions.NONE);
    }

    /** Like {@link #child(String, Object, ChildOptions)}, without waiting. */
    public CompletableFuture<Object> childAsync(String workflow, Object input, ChildOptions options) {
        return asking.child(workflow, input, ANY, options);
    }

    /** Like {@link #child(String, Object, Class)}, without waiting. */
    public <T> CompletableFuture<T> childAsync(String workflow, Object input, Class<T> type) {
        return childAsync(workflow, input, type, ChildOptions.NONE);
    }

    /** Like {@link #child(String, Object, Class, ChildOptions)}, without waiting. */
    public <T> CompletableFuture<T> childAsync(String workflow, Object input, Class<T> type, ChildOptions options) {
        return asking.child(workflow, input, Json.MAPPER.constructType(type), options);
    }

    /** Like {@link #child(String, Object, TypeReference)}, without waiting. */
    public <T> CompletableFuture<T> childAsync(String workflow, Object input, TypeReference<T> type) {
        return childAsync(workflow, input, type, ChildOptions.NONE);
    }

    /** Like {@link #child(String, Object, TypeReference, ChildOptions)}, without waiting. */
    public <T> CompletableFuture<T> childAsync(
            String workflow, Object input, TypeReference<T> type, ChildOptions options) {
        return asking.child(workflow, input, Json.MAPPER.constructType(type), options);
    }

    /** The first of these that is done; throws what it failed with. The others go on: cancel those no longer wanted. */
    public Selected select(CompletableFuture<?>... futures) {
        return select(Arrays.asList(futures));
    }

    /** The first of these that is done; throws what it failed with. */
    public Selected select(List<? extends CompletableFuture<?>> futures) {
        return asking.select(futures);
    }

    /** What all of these give, in their order; throws as soon as one fails. */
    public <T> List<T> all(List<? extends CompletableFuture<? extends T>> futures) {
        return asking.all(futures);
    }

    /** The time of the last thing the code was told: the same in every replay. */
    public Instant now() {
        code.enter();
        return code.now();
    }

    /** A number from 0 to 1, the same in every replay. */
    public double random() {
        code.enter();
        return draws.random();
    }

    /** A uuid, the same in every replay. */
    public UUID uuid() {
        code.enter();
        return draws.uuid();
    }

    /** Show a value to whoever reads the run, from storage, whether a worker is there or not. */
    public void publish(String key, Object value) {
        asking.publish(key, value);
    }

    /** Make the run searchable by texts, numbers and booleans; null removes one. */
    public void setAttributes(Map<String, ?> attributes) {
        asking.setAttributes(attributes);
    }

    /** End this run and go on in a new one of the same workflow; never returns. */
    public void continueAsNew(Object input) {
        continueAsNew(input, "");
    }

    /** End this run and go on in a new one of that workflow; never returns. Signals nobody has taken go along. */
    public void continueAsNew(Object input, String workflow) {
        asking.continueAsNew(input, workflow);
    }

    /** True for runs that come here for the first time, false for those that passed here before the patch was there. */
    public boolean patched(String id) {
        return code.patched(id);
    }

    /** True once somebody has cancelled the run. */
    public boolean isCancelled() {
        return code.isCancelled();
    }

    /** The run's id. */
    public String runId() {
        return facts.runId();
    }

    /** The workflow's name. */
    public String workflow() {
        return facts.workflow();
    }

    /** The id of the run that has started this one; null for none. */
    public String parent() {
        return parent.isEmpty() ? null : parent;
    }

    /** W3C trace context of the run's start, empty without one. */
    public Map<String, String> trace() {
        return facts.trace();
    }

    /** True while the code does again what it did before. */
    public boolean isReplaying() {
        return code.isReplaying();
    }

    /** Logger "stellwerk.workflow", silent in replays. The MDC of the code's thread has run_id and workflow. */
    public Logger logger() {
        return logger;
    }
}
