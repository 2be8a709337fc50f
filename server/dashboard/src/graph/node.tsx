// One box of a graph: shape by kind, colour and glyph by state, attempts, and of a foreach its items as a histogram.
// It must draw again only when its own step has changed: a graph may have thousands.

import { Component } from "preact";

import type { Step, StepState } from "../api/types.js";
import { Icon } from "../components/icon.js";
import { spanText } from "../components/moments.js";
import { lookOf } from "../components/states.js";
import { moment } from "../timeline/spans.js";
import { KIND_GLYPHS } from "./glyphs.js";
import type { PlacedNode, StepKind } from "./shape.js";
import { fitted } from "./text.js";

interface NodeProps {
  node: PlacedNode;
  /** How it stands; absent in the graph of a definition. */
  step: Step | undefined;
  isSelected: boolean;
  /** The one node Tab leads to. */
  isStop: boolean;
  onSelect: (id: string) => void;
}

/** A step as a button in the drawing. */
export class NodeBox extends Component<NodeProps> {
  override shouldComponentUpdate(next: NodeProps): boolean {
    const now = this.props;
    return now.node !== next.node || now.step !== next.step || now.isSelected !== next.isSelected || now.isStop !== next.isStop;
  }

  override render({ node, step, isSelected, isStop, onSelect }: NodeProps) {
    const tone = `tone-${step === undefined ? "neutral" : lookOf(step.state).tone}`;
    const classes = ["node", node.kind, tone, step?.state.toLowerCase() ?? "defined", isSelected ? "selected" : ""];
    return (
      <g
        class={classes.join(" ")}
        transform={`translate(${node.x} ${node.y})`}
        role="button"
        tabindex={isStop ? 0 : -1}
        aria-pressed={isSelected}
        aria-label={nodeLabel(node, step)}
        data-step={node.id}
        onClick={() => onSelect(node.id)}
      >
        <Outline kind={node.kind} width={node.width} height={node.height} />
        <g class="kind" transform="translate(14 13)">
          <svg width="18" height="18" viewBox="0 0 16 16" aria-hidden="true"><path d={KIND_GLYPHS[node.kind]} /></svg>
        </g>
        <text class="name" x={42} y={25} aria-hidden="true">{fitted(node.id, node.width - 42 - (step === undefined ? 14 : 36), 13)}</text>{" "}
        <text class="detail" x={42} y={44} aria-hidden="true">{fitted(node.detail, node.width - 42 - 14 - noteWidth(step), 11.5)}</text>{" "}
        {step === undefined ? null : <Standing step={step} width={node.width} />}
        {node.kind === "foreach" && step !== undefined ? <Histogram step={step} width={node.width} y={node.height - 20} /> : null}
      </g>
    );
  }
}

/** The state's glyph, and which attempt it is or how long it took. */
function Standing({ step, width }: { step: Step; width: number }) {
  const note = noteOf(step);
  const look = lookOf(step.state);
  return (
    <>
      <g class="state" transform={`translate(${width - 30} 12)`}>
        <Icon name={look.icon} size={16} class={look.isMoving ? "spin" : undefined} />
      </g>
      {note === "" ? null : <text class="note" x={width - 14} y={44} text-anchor="end" aria-hidden="true">{note}</text>}
    </>
  );
}

/** The box itself; its form says what kind of step it is. */
function Outline({ kind, width, height }: { kind: StepKind; width: number; height: number }) {
  const box = { width, height };
  switch (kind) {
    case "sleep":
      return <rect class="box" {...box} rx={height / 2} />;
    case "signal":
      return <path class="box" d={hexagon(width, height)} />;
    case "workflow":
      return (
        <>
          <rect class="box" {...box} rx={8} />
          <rect class="inner" x={4} y={4} width={width - 8} height={height - 8} rx={5} />
        </>
      );
    case "foreach":
      return (
        <>
          <rect class="behind" x={8} y={-8} {...box} rx={10} />
          <rect class="behind" x={4} y={-4} {...box} rx={10} />
          <rect class="box" {...box} rx={10} />
        </>
      );
    default:
      return <rect class="box" {...box} rx={10} />;
  }
}

function hexagon(width: number, height: number): string {
  const cut = 14;
  return `M${cut} 0H${width - cut}L${width} ${height / 2}L${width - cut} ${height}H${cut}L0 ${height / 2}Z`;
}

/** Items by state as one bar, and how many have finished. */
export function Histogram({ step, width, y }: { step: Step; width: number; y: number }) {
  const total = step.items ?? 0;
  const inner = width - 28;
  let x = 14;
  return (
    <g class="histogram">
      <rect class="track" x={14} y={y} width={inner} height={8} rx={4} />
      {barsOf(step).map(({ state, count }) => {
        const size = (count / Math.max(1, total)) * inner;
        const bar = <rect key={state} class={`bar tone-${lookOf(state).tone} ${state.toLowerCase()}`} x={x} y={y} width={size} height={8} />;
        x += size;
        return bar;
      })}
    </g>
  );
}

const BAR_ORDER: readonly StepState[] = ["SUCCEEDED", "SKIPPED", "CANCELLED", "FAILED", "DEAD", "LEASED", "WAITING", "READY"];

/** The states of items that there are, in the order of the bar. */
export function barsOf(step: Step): { state: StepState; count: number }[] {
  const counts = step.item_states ?? {};
  return BAR_ORDER.map((state) => ({ state, count: counts[state] ?? 0 })).filter((bar) => bar.count > 0);
}

function noteWidth(step: Step | undefined): number {
  return step === undefined ? 0 : noteOf(step).length * 6.5 + 8;
}

/** "3/10,000" items, "2/4" attempts, or how long it took. */
function noteOf(step: Step): string {
  if (step.items !== undefined && step.items > 0) {
    return `${(step.items_finished ?? 0).toLocaleString("en")}/${step.items.toLocaleString("en")}`;
  }
  if (step.attempt > 1) return step.max_attempts ? `×${step.attempt}/${step.max_attempts}` : `×${step.attempt}`;
  const start = moment(step.start_time) ?? moment(step.ready_time);
  const end = moment(step.end_time);
  return start === undefined || end === undefined ? "" : spanText(end - start);
}

/** A box in words, for who does not see it; what is drawn comes first, so that who speaks it finds the box. */
export function nodeLabel(node: PlacedNode, step: Step | undefined): string {
  const needs = node.needs.length > 5 ? `${node.needs.slice(0, 5).join(", ")} and more` : node.needs.join(", ");
  const parts = [node.id, node.detail, ...(step === undefined ? [] : [noteOf(step), ...standingWords(step)])];
  return [...parts, needs === "" ? "" : `after ${needs}`].filter((part) => part !== "").join(", ");
}

function standingWords(step: Step): string[] {
  const items = barsOf(step).map(({ state, count }) => `${count} ${lookOf(state).label.toLowerCase()}`);
  return [
    lookOf(step.state).label.toLowerCase(),
    step.attempt > 1 ? `attempt ${step.attempt}${step.max_attempts ? ` of ${step.max_attempts}` : ""}` : "",
    step.items ? `${step.items_finished ?? 0} of ${step.items} items finished` : "",
    ...items,
  ];
}
