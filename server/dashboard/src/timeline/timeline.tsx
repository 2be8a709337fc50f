// When each step waited, ran and was tried again, one row a step. Only the rows in view are drawn.

import { useEffect, useMemo, useState } from "preact/hooks";

import type { Step } from "../api/types.js";
import { Empty } from "../components/feedback.js";
import { Icon } from "../components/icon.js";
import { spanText } from "../components/moments.js";
import { lookOf } from "../components/states.js";
import { now } from "../components/time.js";
import { toastError } from "../components/toasts.js";
import { VirtualTable } from "../components/virtual_table.js";
import { placeOf, ticks, zoomedWindow } from "./scale.js";
import type { Window } from "./scale.js";
import { rowsOf, windowOf } from "./spans.js";
import type { Row, Span, SpanKind } from "./spans.js";

interface TimelineProps {
  /** Reads the attempts, which nothing else on the page needs. */
  store: { readAttempts(): Promise<void> };
  steps: ReadonlyMap<string, Step>;
  selected: string | undefined;
  onSelect: (step: string) => void;
}

const KIND_WORDS: Record<SpanKind, string> = {
  queued: "waits for a worker",
  running: "runs",
  retry: "waits for its retry",
  asleep: "sleeps",
  signal: "waits for a signal",
  child: "waits for its run",
  items: "its items",
};

/** A Gantt chart of all steps that have begun. */
export function Timeline({ store, steps, selected, onSelect }: TimelineProps) {
  useEffect(() => {
    store.readAttempts().catch((error: unknown) => toastError("Attempts could not be read", error));
  }, [store]);
  const [zoom, setZoom] = useState<Window>();
  const list = [...steps.values()];
  const isOpen = list.some((step) => step.end_time === undefined && step.state !== "PENDING");
  const moment = isOpen ? now.value : 0;
  const rows = useMemo(() => rowsOf(list, moment), [list, moment]);
  if (rows.length === 0) return <Empty icon="timers" title="No step has begun" />;
  const whole = windowOf(rows, moment);
  const shown = zoom ?? whole;
  const change = (factor: number) => setZoom(zoomedWindow(shown, factor, whole));
  return (
    <div class="timeline">
      <div class="bar-line">
        <Legend />
        <span class="zoom">
          <button type="button" class="button small icon-only" aria-label="Show a longer time" disabled={zoom === undefined} onClick={() => change(2)}><Icon name="minus" size={14} /></button>
          <button type="button" class="button small icon-only" aria-label="Show a shorter time" onClick={() => change(0.5)}><Icon name="plus" size={14} /></button>
          <button type="button" class="button small" disabled={zoom === undefined} onClick={() => setZoom(undefined)}>All</button>
        </span>
        {zoom === undefined ? null : <Scrub whole={whole} shown={shown} onChange={setZoom} />}
      </div>
      <VirtualTable
        label="Timeline of attempts"
        class="timeline-rows"
        columns={[
          { key: "step", title: "Step", cell: (row: Row) => <button type="button" class="step-link ellipsis" title={row.step.step} onClick={() => onSelect(row.step.step)}>{row.step.step}</button> },
          { key: "bars", title: <><span class="hidden">Time</span><Axis window={shown} start={whole.start} /></>, cell: (row: Row) => <Bars row={row} window={shown} /> },
          { key: "took", title: "Total", class: "num", cell: (row: Row) => spanText((row.spans.at(-1)?.end ?? 0) - (row.spans[0]?.start ?? 0)) },
        ]}
        rows={rows}
        keyOf={(row) => row.step.step}
        rowHeight={34}
        isSelected={(row) => row.step.step === selected}
      />
    </div>
  );
}

function Legend() {
  const kinds: [string, string][] = [["queued", "waits"], ["running", "runs"], ["failed", "failed"], ["retry", "retry delay"], ["asleep", "sleeps"]];
  return (
    <ul class="legend" aria-label="Colours">
      {kinds.map(([name, word]) => (
        <li key={name}><svg width="14" height="10" aria-hidden="true"><rect class={`span ${name}`} width="14" height="10" rx="2" /></svg>{word}</li>
      ))}
    </ul>
  );
}

/** Where in the whole the window stands. */
function Scrub({ whole, shown, onChange }: { whole: Window; shown: Window; onChange: (window: Window) => void }) {
  const size = shown.end - shown.start;
  const room = Math.max(1, whole.end - whole.start - size);
  const move = (event: Event & { currentTarget: HTMLInputElement }) => {
    const start = whole.start + (Number(event.currentTarget.value) / 1_000) * room;
    onChange({ start, end: start + size });
  };
  const at = Math.round(((shown.start - whole.start) / room) * 1_000);
  return <input class="scrub" type="range" min={0} max={1_000} value={at} aria-label="Time that is shown" onInput={move} />;
}

const TICKS = 5;

function Axis({ window, start }: { window: Window; start: number }) {
  const from = { start: 0, end: window.end - window.start };
  return (
    <svg class="axis" height="20" aria-hidden="true">
      {ticks(from, TICKS).map((offset) => {
        const x = placeOf(offset, from, 100);
        return x > 96 ? null : (
          <g key={offset}>
            <line x1={`${x}%`} x2={`${x}%`} y1="14" y2="20" />
            <text x={`${x}%`} dx="3" y="13">{offset + window.start - start === 0 ? "0" : `+${spanText(offset + window.start - start)}`}</text>
          </g>
        );
      })}
    </svg>
  );
}

function Bars({ row, window }: { row: Row; window: Window }) {
  return (
    <svg class="bars" height="20" role="img" aria-label={row.spans.map(wordsOf).join(", ")}>
      {row.spans.map((span, index) => <Bar key={index} span={span} window={window} />)}
    </svg>
  );
}

function Bar({ span, window }: { span: Span; window: Window }) {
  const x = Math.max(-1, placeOf(span.start, window, 100));
  const end = Math.min(101, placeOf(span.end, window, 100));
  if (end < 0 || x > 100) return null;
  const outcome = span.outcome === undefined || span.outcome === "" ? "" : lookOf(span.outcome).tone;
  const isThin = span.kind === "queued" || span.kind === "retry";
  const name = `span ${span.kind} ${outcome === "bad" ? "failed" : ""} ${outcome === "neutral" ? "void" : ""} ${span.open ? "open" : ""}`;
  return (
    <rect class={name} x={`${x}%`} width={`${Math.max(0.25, end - x)}%`} y={isThin ? 7 : 3} height={isThin ? 6 : 14} rx={isThin ? 1 : 3}>
      <title>{wordsOf(span)}</title>
    </rect>
  );
}

function wordsOf(span: Span): string {
  const attempt = span.kind === "running" && span.attempt ? `attempt ${span.attempt} ` : "";
  const outcome = span.outcome === undefined || span.outcome === "" ? "" : `, ${lookOf(span.outcome).label.toLowerCase()}`;
  return `${attempt}${KIND_WORDS[span.kind]} ${span.open ? "for " : ""}${spanText(span.end - span.start)}${outcome}`;
}
