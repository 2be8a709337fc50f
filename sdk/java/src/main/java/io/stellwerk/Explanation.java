package io.stellwerk;

import java.time.Instant;
import java.util.List;

/**
 * What a run waits for, or how it has ended, at the moment {@code now} of the database's clock.
 *
 * <p>While the server's database is away there is the one cause DATABASE_DOWN, and {@code state} is what was last known.
 *
 * @param summary one sentence
 * @param causes the most telling first; never empty
 * @param moreCauses how many were left out
 * @param deadline when the run ends as TIMED_OUT; null without one
 */
public record Explanation(
        String runId,
        RunState state,
        Instant now,
        String summary,
        List<Cause> causes,
        int moreCauses,
        Instant deadline) {}
