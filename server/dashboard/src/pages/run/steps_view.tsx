// All steps as a list: what the graph shows, for who cannot see it or wants to search it.

import { useMemo, useState } from "preact/hooks";

import type { Step, StepState } from "../../api/types.js";
import { StateBadge } from "../../components/badge.js";
import { Empty } from "../../components/feedback.js";
import { lookOf } from "../../components/states.js";
import { Span } from "../../components/time.js";
import { VirtualTable } from "../../components/virtual_table.js";
import type { Column } from "../../components/virtual_table.js";
import type { Picture } from "./projection.js";
import { detailOf } from "./shapes.js";
import { STEP_STATES } from "./states.js";
import { failureText } from "./waiting.js";

interface StepsProps {
  picture: Picture;
  selected: string | undefined;
  onSelect: (step: string) => void;
}

/** With a search and a filter by state. */
export function StepsView({ picture, selected, onSelect }: StepsProps) {
  const [search, setSearch] = useState("");
  const [state, setState] = useState<StepState>();
  const steps = [...picture.steps.values()];
  const counts = useMemo(() => countsOf(steps), [steps]);
  const words = search.toLowerCase();
  const rows = steps.filter((step) => (state === undefined || step.state === state) && (words === "" || `${step.step} ${detailOf(step)}`.toLowerCase().includes(words)));
  return (
    <div class="steps-view">
      <div class="bar-line">
        <input class="input" type="search" aria-label="Search steps" placeholder="Search steps" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
        <div class="chips" role="group" aria-label="Steps in one state">
          {STEP_STATES.filter((each) => counts.has(each)).map((each) => (
            <button key={each} type="button" class={`chip tone-${lookOf(each).tone}`} aria-pressed={state === each} onClick={() => setState(state === each ? undefined : each)}>
              {lookOf(each).label.toLowerCase()} {counts.get(each)?.toLocaleString("en")}
            </button>
          ))}
        </div>
      </div>
      {rows.length === 0 ? <Empty icon="search" title="No step is like that" /> : (
        <VirtualTable label="Steps" class="step-rows" columns={columnsOf(onSelect)} rows={rows} keyOf={(step) => step.step} rowHeight={44} isSelected={(step) => step.step === selected} />
      )}
    </div>
  );
}

function countsOf(steps: readonly Step[]): Map<StepState, number> {
  const counts = new Map<StepState, number>();
  for (const step of steps) counts.set(step.state, (counts.get(step.state) ?? 0) + 1);
  return counts;
}

function columnsOf(onSelect: (step: string) => void): Column<Step>[] {
  return [
    { key: "step", title: "Step", cell: (step) => <button type="button" class="step-link ellipsis" title={step.step} onClick={() => onSelect(step.step)}>{step.step}</button> },
    { key: "does", title: "Does", cell: (step) => <span class="muted ellipsis" title={detailOf(step)}>{detailOf(step)}</span> },
    { key: "state", title: "State", cell: (step) => <StateBadge state={step.state} /> },
    { key: "attempt", title: "Attempt", class: "num", cell: (step) => (step.items ? `${step.items_finished ?? 0}/${step.items}` : step.attempt || "") },
    { key: "took", title: "Took", class: "num", cell: (step) => (step.ready_time === undefined ? "" : <Span start={step.start_time ?? step.ready_time} end={step.end_time} />) },
    { key: "note", title: "Note", cell: (step) => <span class="ellipsis">{noteOf(step)}</span> },
  ];
}

function noteOf(step: Step): string {
  if (step.waiting_for) return step.waiting_for;
  if (step.failure !== undefined && step.state !== "SUCCEEDED") return failureText(step.failure);
  return step.state === "PENDING" && step.needs?.length ? `after ${step.needs.slice(0, 3).join(", ")}` : "";
}
