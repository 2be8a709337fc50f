/**
 * Runs workflows that are code in the test's own program, with virtual time and no server: {@link
 * io.stellwerk.testing.TestEnvironment}. {@link io.stellwerk.testing.Replay} holds code against recorded histories.
 */
package io.stellwerk.testing;
