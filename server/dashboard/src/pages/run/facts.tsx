// What went in, what came out, and what the run says of itself. Values are folded until somebody wants them, failures are not.

import { useState } from "preact/hooks";

import type { Json, Run } from "../../api/types.js";
import { JsonView } from "../../components/json_view.js";
import { FailureView } from "./failure_view.js";

/** Input, output, failure, published values and attributes of a run. */
export function Facts({ run }: { run: Run }) {
  const attributes = Object.entries(run.attributes ?? {});
  const published = Object.entries(run.published ?? {});
  return (
    <div class="facts">
      {run.failure === undefined ? null : (
        <section class="card">
          <header><h2>Failure</h2></header>
          <div class="body"><FailureView failure={run.failure} /></div>
        </section>
      )}
      <div class="fact-row">
        <Folded title="Input" value={run.input} />
        {run.output === undefined ? null : <Folded title="Output" value={run.output} />}
        {published.map(([key, value]) => <Folded key={key} title={key} note="published" value={value} />)}
      </div>
      {attributes.length === 0 ? null : (
        <ul class="attributes" aria-label="Attributes">
          {attributes.map(([name, value]) => (
            <li key={name} class="tag"><span class="muted">{name}</span> {typeof value === "string" ? value : JSON.stringify(value)}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** A value in one line, and whole when it is opened. */
export function Folded({ title, note = "", value }: { title: string; note?: string; value: Json | undefined }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details class="folded" open={isOpen} onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>
        <span class="label">{title}{note === "" ? "" : ` (${note})`}</span>
        <span class="mono ellipsis">{lineOf(value)}</span>
      </summary>
      {isOpen ? <JsonView value={value} label={title} /> : null}
    </details>
  );
}

const LINE_CHARS = 160;

/** A value in one line; what is long is cut before it is written out. */
export function lineOf(value: Json | undefined): string {
  if (value === undefined) return "–";
  if (typeof value === "string") return value.length > LINE_CHARS ? `"${value.slice(0, LINE_CHARS)}…` : JSON.stringify(value);
  if (Array.isArray(value) && value.length > 20) return `[${value.length.toLocaleString("en")} entries]`;
  const text = JSON.stringify(value);
  return text.length > LINE_CHARS ? `${text.slice(0, LINE_CHARS)}…` : text;
}
