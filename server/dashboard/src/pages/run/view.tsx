// A run as it stands, whoever shows it: the page, or a web component on another page.

import type { ComponentChildren } from "preact";
import { useCallback, useMemo } from "preact/hooks";

import type { Step } from "../../api/types.js";
import { ErrorNotice } from "../../components/feedback.js";
import { isNarrow } from "../../components/media.js";
import { Graph } from "../../graph/graph.js";
import { layout } from "../../graph/layout.js";
import { Timeline } from "../../timeline/timeline.js";
import { isCode } from "../workflow/definition.js";
import { RunHead } from "./head.js";
import { HistoryView } from "./history_view.js";
import { Facts } from "./facts.js";
import { Reasons } from "./reasons.js";
import { SequenceView } from "./sequence_view.js";
import { shapesOfSteps } from "./shapes.js";
import { StepPanel } from "./step_panel.js";
import { StepsView } from "./steps_view.js";
import type { RunStore } from "./store.js";

interface RunViewProps {
  store: RunStore;
  tab: string;
  onTab: (tab: string) => void;
  step: string | undefined;
  onStep: (step: string | undefined) => void;
}

/** Everything about a run. The store has read it. */
export function RunView({ store, tab, onTab, step, onStep }: RunViewProps) {
  // Reading the signal is what draws this again.
  const picture = store.version.value < 0 ? undefined : store.picture;
  if (picture === undefined) return null;
  const hasPanel = step !== undefined && (picture.steps.has(step) || step.endsWith("]"));
  return (
    <div class="run stack-gap">
      <RunHead store={store} picture={picture} />
      {store.error === undefined ? null : <ErrorNotice error={store.error} />}
      <Reasons store={store} picture={picture} onStep={onStep} />
      <Facts run={picture.run} />
      <div class={`run-body${hasPanel ? " with-panel" : ""}`}>
        <section class="card run-main">
          <Tabs store={store} tab={tab} onTab={onTab} />
          <div class="run-tab" role="tabpanel" id="run-tab" aria-labelledby={`tab-${tab}`}>
            <Shown {...{ store, tab, step, onStep }} />
          </div>
        </section>
        {hasPanel ? <StepPanel key={step} store={store} picture={picture} id={step} onStep={onStep} /> : null}
      </div>
    </div>
  );
}

interface ShownProps {
  store: RunStore;
  tab: string;
  step: string | undefined;
  onStep: (step: string | undefined) => void;
}

function Shown({ store, tab, step, onStep }: ShownProps): ComponentChildren {
  const picture = store.picture;
  if (picture === undefined) return null;
  switch (tab) {
    case "timeline":
      return <Timeline store={store} steps={picture.steps} selected={step} onSelect={onStep} />;
    case "steps":
      return <StepsView picture={picture} selected={step} onSelect={onStep} />;
    case "history":
      return <HistoryView store={store} picture={picture} onStep={onStep} />;
    default:
      return <StepsDrawn {...{ store, step, onStep }} />;
  }
}

/** The graph; of code, which has none, the sequence of what it asked for. */
function StepsDrawn({ store, step, onStep }: Omit<ShownProps, "tab">) {
  const steps = store.picture?.steps ?? new Map<string, Step>();
  // Who needs another is of a graph; otherwise the definition has to say.
  const hasNeeds = useMemo(() => [...steps.values()].some((each) => each.needs?.length), [steps.size]);
  const isOfCode = !hasNeeds && store.definition !== undefined && isCode(store.definition);
  const isKnown = hasNeeds || store.definition !== undefined;
  const stepOf = useCallback((id: string) => store.picture?.steps.get(id), [store]);
  // Places follow from which steps there are, not from how they stand.
  const names = isOfCode || !isKnown ? "" : [...steps.keys()].join("\n");
  const expanded = [...steps.values()].filter((each) => each.items).length;
  const drawing = useMemo(() => (names === "" ? undefined : layout(shapesOfSteps(store.picture?.steps.values() ?? []))), [names, expanded]);
  if (isOfCode) return <SequenceView steps={steps} selected={step} onSelect={onStep} columns={isNarrow.value ? 1 : 3} />;
  if (drawing === undefined) return <div class="graph placeholder" aria-hidden="true" />;
  return <Graph drawing={drawing} stepOf={stepOf} selected={step} onSelect={onStep} label={`Graph of ${steps.size} steps`} />;
}

const TABS: [tab: string, title: string][] = [
  ["graph", "Graph"],
  ["timeline", "Timeline"],
  ["steps", "Steps"],
  ["history", "History"],
];

function Tabs({ store, tab, onTab }: { store: RunStore; tab: string; onTab: (tab: string) => void }) {
  const walk = (event: KeyboardEvent) => {
    const move = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const at = TABS.findIndex(([name]) => name === tab);
    const next = TABS[(at + move + TABS.length) % TABS.length];
    if (move === 0 || next === undefined) return;
    event.preventDefault();
    onTab(next[0]);
    (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("[role=tab]")[TABS.indexOf(next)]?.focus();
  };
  const first = store.definition !== undefined && isCode(store.definition) ? "Sequence" : "Graph";
  return (
    <div class="tabs" role="tablist" aria-label="Ways to look at the steps" onKeyDown={walk}>
      {TABS.map(([name, title]) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`tab-${name}`}
          aria-selected={name === tab}
          aria-controls="run-tab"
          tabIndex={name === tab ? 0 : -1}
          onClick={() => onTab(name)}
        >
          {name === "graph" ? first : title}
        </button>
      ))}
    </div>
  );
}
