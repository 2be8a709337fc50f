/**
 * Stellwerk for Java: run handlers with {@link io.stellwerk.Worker}, start and watch runs with {@link
 * io.stellwerk.Client}, write workflows as code with {@link io.stellwerk.WorkflowContext}.
 *
 * <p>Everything public is meant to be used; the rest may change at any time. {@code io.stellwerk.v1} is generated.
 */
package io.stellwerk;
