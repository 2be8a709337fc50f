// One dead letter in full: how it failed, with the stack, and with what input.

import type { DeadLetter, Failure } from "../../api/types.js";
import { CopyButton } from "../../components/copy_button.js";
import { Dialog } from "../../components/dialog.js";
import { JsonView } from "../../components/json_view.js";
import { Time } from "../../components/time.js";
import { Link, to } from "../../router.js";
import type { LetterActs } from "./group.js";

export function LetterDialog({ letter, acts, onClose }: { letter: DeadLetter; acts: LetterActs; onClose: () => void }) {
  const act = (kind: keyof LetterActs) => {
    onClose();
    acts[kind]([letter]);
  };
  return (
    <Dialog title={letter.failure?.type ?? "Dead letter"} onClose={onClose} isWide>
      <p class="letter-message">{letter.failure?.message}</p>
      <Facts letter={letter} />
      {letter.failure && <FailureDetails failure={letter.failure} />}
      <section class="stack-gap">
        <h3>Input</h3>
        <JsonView value={letter.input} label="Input" />
      </section>
      <div class="actions">
        <button type="button" class="button quiet" onClick={onClose}>
          Close
        </button>
        <button type="button" class="button danger" onClick={() => act("discard")}>
          Discard
        </button>
        <button type="button" class="button primary" onClick={() => act("requeue")}>
          Requeue
        </button>
      </div>
    </Dialog>
  );
}

function Facts({ letter }: { letter: DeadLetter }) {
  return (
    <dl class="facts">
      <dt>Run</dt>
      <dd>
        <Link to={to.run(letter.run_id)} class="mono">
          {letter.run_id}
        </Link>
      </dd>
      <dt>Step</dt>
      <dd class="mono">{letter.step}</dd>
      <dt>Action</dt>
      <dd class="mono">
        {letter.action} on {letter.queue}
      </dd>
      <dt>Why</dt>
      <dd>{WHY[letter.reason ?? ""] ?? letter.reason}</dd>
      <dt>Attempts</dt>
      <dd>{letter.attempt}</dd>
      <dt>Since</dt>
      <dd>
        <Time at={letter.create_time} absolute />
      </dd>
    </dl>
  );
}

const WHY: Record<string, string> = {
  ATTEMPTS_EXHAUSTED: "All attempts failed",
  NOT_RETRYABLE: "This failure is not tried again",
  STEP_TIMED_OUT: "The step's time was over",
};

/** A failure with its stack, its details, and what caused it. */
function FailureDetails({ failure, depth = 0 }: { failure: Failure; depth?: number }) {
  return (
    <section class="stack-gap">
      {depth > 0 && (
        <p>
          Caused by <strong>{failure.type}</strong>: {failure.message}
        </p>
      )}
      {failure.stack && <h3>Stack</h3>}
      {failure.stack && (
        <div class="json">
          <div class="tools">
            <CopyButton text={failure.stack} label="Copy stack" />
          </div>
          <pre tabIndex={0} role="region" aria-label="Stack">
            {failure.stack}
          </pre>
        </div>
      )}
      {failure.details !== undefined && <h3>Details</h3>}
      {failure.details !== undefined && <JsonView value={failure.details} label="Details" />}
      {failure.cause && depth < CAUSES_MOST && <FailureDetails failure={failure.cause} depth={depth + 1} />}
    </section>
  );
}

const CAUSES_MOST = 8;
