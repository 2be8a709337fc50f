package io.stellwerk;

import java.time.Instant;

/** Tasks of one action on one queue, and how many live workers serve it. */
public record QueueInfo(String queue, String action, long ready, long leased, int workers, Instant oldestReadyTime) {}
