// A failure with its causes: type, message, where it happened, details and stack. Everything is text from strangers.

import type { Failure } from "../../api/types.js";
import { CopyButton } from "../../components/copy_button.js";
import { JsonView } from "../../components/json_view.js";
import { Time } from "../../components/time.js";

/** The failure, then what caused it. */
export function FailureView({ failure }: { failure: Failure }) {
  const place = placeOf(failure);
  return (
    <div class="failure">
      <p class="what"><strong>{failure.type || "Failure"}</strong>{failure.message ? <span>{failure.message}</span> : null}</p>
      {place === "" && !failure.occur_time ? null : <p class="muted">{place} {failure.occur_time ? <Time at={failure.occur_time} absolute /> : null}</p>}
      {failure.details === undefined ? null : <JsonView value={failure.details} label="Details of the failure" />}
      {failure.stack ? <Stack text={failure.stack} /> : null}
      {failure.cause === undefined ? null : (
        <div class="cause">
          <span class="label">Caused by</span>
          <FailureView failure={failure.cause} />
        </div>
      )}
    </div>
  );
}

function Stack({ text }: { text: string }) {
  return (
    <details class="stack-box">
      <summary>Stack</summary>
      <CopyButton text={text} label="Copy the stack" />
      <pre class="stack" tabIndex={0} aria-label="Stack">{text}</pre>
    </details>
  );
}

function placeOf(failure: Failure): string {
  const parts = [
    failure.category && failure.category !== "USER" ? failure.category.toLowerCase().replaceAll("_", " ") : "",
    failure.step ? `step ${failure.step}` : "",
    failure.attempt ? `attempt ${failure.attempt}` : "",
    failure.worker_id ? `on ${failure.worker_id}` : "",
    failure.terminal ? "not to be tried again" : "",
  ];
  return parts.filter((part) => part !== "").join(" · ");
}
