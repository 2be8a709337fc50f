// The attempts of a step, newest first: where, when, how it ended, and why.

import type { Attempt } from "../../api/types.js";
import { StateBadge } from "../../components/badge.js";
import { Span, Time } from "../../components/time.js";
import { FailureView } from "./failure_view.js";

const SHOWN = 50;

/** At most the last 50 of them. */
export function AttemptList({ attempts }: { attempts: readonly Attempt[] }) {
  const shown = attempts.slice(-SHOWN).reverse();
  return (
    <section class="part">
      <h3>{attempts.length === 1 ? "Attempt" : `Attempts (${attempts.length})`}</h3>
      <ol class="attempts">
        {shown.map((attempt) => (
          <li key={attempt.attempt}>
            <div class="line">
              <span class="number">#{attempt.attempt}</span>
              <StateBadge state={attempt.outcome ?? "LEASED"} />
              <Span start={attempt.start_time} end={attempt.end_time} />
              <Time at={attempt.start_time} />
              {attempt.worker_id === undefined ? null : <span class="mono muted ellipsis" title={attempt.worker_id}>{attempt.worker_id}</span>}
            </div>
            {attempt.failure === undefined ? null : <FailureView failure={attempt.failure} />}
          </li>
        ))}
      </ol>
    </section>
  );
}
