// A run of code: the steps its code asked for, in that order, those that were open together side by side.

import { useMemo } from "preact/hooks";

import type { Step } from "../../api/types.js";
import { Empty } from "../../components/feedback.js";
import { Icon } from "../../components/icon.js";
import { lookOf } from "../../components/states.js";
import { Span } from "../../components/time.js";
import { VirtualTable } from "../../components/virtual_table.js";
import { KIND_GLYPHS } from "../../graph/glyphs.js";
import { sequenceOf } from "../../timeline/sequence.js";
import type { SequenceRow } from "../../timeline/sequence.js";
import { detailOf, kindOf } from "./shapes.js";

interface SequenceProps {
  steps: ReadonlyMap<string, Step>;
  selected: string | undefined;
  onSelect: (step: string) => void;
  columns: number;
}

const ROW = 72;

/** Only the rows in view are drawn: code may have asked for 10,000 steps. */
export function SequenceView({ steps, selected, onSelect, columns }: SequenceProps) {
  const list = [...steps.values()];
  const rows = useMemo(() => sequenceOf(list, columns), [list, columns]);
  if (rows.length === 0) return <Empty icon="workflows" title="The code has not asked for a step yet" />;
  return (
    <VirtualTable
      label="Steps in the order the code asked for them"
      class="sequence-rows"
      columns={[{ key: "steps", title: `${list.length.toLocaleString("en")} steps, in the order the code asked for them`, cell: (row: SequenceRow) => <Row {...{ row, selected, onSelect }} /> }]}
      rows={rows}
      keyOf={(row) => row.steps[0]?.step ?? ""}
      rowHeight={ROW}
    />
  );
}

function Row({ row, selected, onSelect }: { row: SequenceRow; selected: string | undefined; onSelect: (step: string) => void }) {
  return (
    <div class={`sequence${row.first ? " first" : ""}${row.group > 1 ? " parallel" : ""}`}>
      {row.steps.map((step) => {
        const look = lookOf(step.state);
        return (
          <button key={step.step} type="button" class={`sequence-step tone-${look.tone}`} aria-pressed={step.step === selected} onClick={() => onSelect(step.step)}>
            <svg class="kind" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true"><path d={KIND_GLYPHS[kindOf(step)]} /></svg>
            <span class="name ellipsis">{step.step}</span>
            <span class="state"><Icon name={look.icon} size={14} class={look.isMoving ? "spin" : undefined} /><span class="hidden">{look.label}</span></span>
            <span class="detail muted ellipsis">{detailOf(step)}{step.attempt > 1 ? ` · attempt ${step.attempt}` : ""}</span>
            <span class="took muted">{step.ready_time === undefined && step.start_time === undefined ? "" : <Span start={step.start_time ?? step.ready_time} end={step.end_time} />}</span>
          </button>
        );
      })}
    </div>
  );
}
