package io.stellwerk;

/**
 * A workflow as code. It runs again whenever its run goes on in another worker, and has to ask for the same things then:
 * time, random numbers and uuids come from ctx, everything outside through {@code ctx.step} or {@code ctx.run}.
 *
 * @param <T> what it takes
 */
@FunctionalInterface
public interface WorkflowFunction<T> {
    /** Run it; what it gives is the run's output, what it throws the run's failure. */
    Object run(WorkflowContext ctx, T input) throws Exception;
}
