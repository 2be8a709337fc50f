// What changed between two versions: step by step in words, and line by line as text.

import { useMemo, useState } from "preact/hooks";

import type { Workflow } from "../../api/types.js";
import { Empty } from "../../components/feedback.js";
import { Time } from "../../components/time.js";
import { blocksOf, changesOf, diffLines } from "./diff.js";
import type { Block, FieldChange, Line, StepChange } from "./diff.js";

/** Two versions against each other; at first the last two. */
export function VersionsView({ versions }: { versions: readonly Workflow[] }) {
  const [after, setAfter] = useState(versions[0]?.version ?? 0);
  const [before, setBefore] = useState(versions[1]?.version ?? versions[0]?.version ?? 0);
  const old = versions.find((each) => each.version === before);
  const now = versions.find((each) => each.version === after);
  if (versions.length < 2) return <Empty icon="workflows" title="There is one version so far"><p>When a changed definition is registered, what changed stands here.</p></Empty>;
  return (
    <div class="body stack-gap">
      <div class="versions-choice">
        <Choice label="From" versions={versions} value={before} onChange={setBefore} />
        <span aria-hidden="true">→</span>
        <Choice label="To" versions={versions} value={after} onChange={setAfter} />
        {now === undefined ? null : <span class="muted">registered <Time at={now.create_time} /></span>}
      </div>
      {old === undefined || now === undefined ? null : <Difference old={old} now={now} />}
    </div>
  );
}

function Choice({ label, versions, value, onChange }: { label: string; versions: readonly Workflow[]; value: number; onChange: (version: number) => void }) {
  return (
    <label class="field">
      <span>{label}</span>
      <select class="input" value={String(value)} onChange={(event) => onChange(Number(event.currentTarget.value))}>
        {versions.map((each) => <option key={each.version} value={String(each.version)}>v{each.version}{each.current ? " (current)" : ""}</option>)}
      </select>
    </label>
  );
}

function Difference({ old, now }: { old: Workflow; now: Workflow }) {
  const changes = useMemo(() => changesOf(old.definition, now.definition), [old, now]);
  const blocks = useMemo(() => blocksOf(diffLines(JSON.stringify(old.definition, null, 2), JSON.stringify(now.definition, null, 2))), [old, now]);
  if (changes.length === 0) return <p class="muted">These two are the same.</p>;
  return (
    <>
      <ul class="changes" aria-label="Changes">
        {changes.map((change) => <Change key={`${change.change} ${change.id}`} change={change} />)}
      </ul>
      <details class="folded">
        <summary><span class="label">Line by line</span></summary>
        <pre class="diff" tabIndex={0} aria-label="Definition, line by line">
          {blocks.map((block, index) => <BlockView key={index} block={block} />)}
        </pre>
      </details>
    </>
  );
}

const LOOKS: Record<StepChange["change"], [tone: string, word: string]> = { added: ["good", "added"], removed: ["bad", "removed"], changed: ["info", "changed"] };

function Change({ change }: { change: StepChange }) {
  const [tone, word] = LOOKS[change.change];
  return (
    <li class={`change tone-${tone}`}>
      <h2>
        <span class="badge">{word}</span> {change.id === "" ? "the workflow itself" : <code>{change.id}</code>}
      </h2>
      <dl>
        {change.fields.map((field) => <FieldLine key={field.path} field={field} />)}
      </dl>
    </li>
  );
}

function FieldLine({ field }: { field: FieldChange }) {
  return (
    <div>
      <dt class="mono">{field.path}</dt>
      <dd>
        {field.before === undefined ? null : <del class="mono"><span class="hidden">was </span>{shown(field.before)}</del>}
        {field.after === undefined ? null : <ins class="mono"><span class="hidden">is </span>{shown(field.after)}</ins>}
      </dd>
    </div>
  );
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 2_000 ? `${text.slice(0, 2_000)}…` : text;
}

function BlockView({ block }: { block: Block }) {
  const [isOpen, setIsOpen] = useState(false);
  if ("lines" in block) return <Lines lines={block.lines} />;
  if (isOpen) return <Lines lines={block.folded} />;
  return <button type="button" class="fold-line" onClick={() => setIsOpen(true)}>… {block.folded.length.toLocaleString("en")} equal lines</button>;
}

const SIGNS: Record<Line["side"], string> = { both: "  ", before: "- ", after: "+ " };

function Lines({ lines }: { lines: readonly Line[] }) {
  return <>{lines.map((line, index) => <span key={index} class={`line ${line.side}`}>{`${SIGNS[line.side]}${line.text}\n`}</span>)}</>;
}
