package io.stellwerk;

import java.time.Instant;
import java.util.List;
import java.util.Map;

/** A namespace at a glance; {@code activity} has the minutes of the last hour in which something started or ended. */
public record Overview(
        Instant now,
        Map<String, Long> runsOpen,
        long runsStalled,
        long deadLettersOpen,
        long tasksReady,
        long tasksLeased,
        Instant oldestReadyTime,
        int workers,
        long timers,
        List<Activity> activity) {}
