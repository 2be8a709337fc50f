// The graph of steps as a drawing one can move, zoom and walk through with the keyboard.
// It must not know runs: it is given shapes with their places, and how each step stands.

import { useCallback, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Step } from "../api/types.js";
import { Icon } from "../components/icon.js";
import { nextNode } from "./keys.js";
import { useMoves } from "./moves.js";
import { NodeBox } from "./node.js";
import { curve } from "./shape.js";
import type { Drawing, PlacedEdge, PlacedNode } from "./shape.js";
import { fit, opening, overlap, revealed, visible, zoomed } from "./viewport.js";
import type { Viewport } from "./viewport.js";

interface GraphProps {
  drawing: Drawing;
  /** How each step stands; without it the graph of a definition. */
  stepOf?: (id: string) => Step | undefined;
  selected: string | undefined;
  onSelect: (id: string | undefined) => void;
  label: string;
}

const ZOOM = 1.25;
/** Small graphs are drawn whole; of large ones what is in view. */
const ALL_NODES = 120;
const TALLEST = 620;
const SMALLEST = 180;

/** A drawing with its tools. */
export function Graph({ drawing, stepOf, selected, onSelect, label }: GraphProps) {
  const frame = useRef<HTMLDivElement>(null);
  const screen = useSize(frame);
  const [view, setView] = useView(drawing, screen);
  const [cursor, setCursor] = useState<string>();
  const moves = useMoves(frame, setView);
  const stop = cursor ?? selected ?? drawing.nodes[0]?.id;
  const select = useCallback((id: string) => {
    if (moves.wasDragged()) return;
    setCursor(id);
    onSelect(id);
  }, [onSelect, moves]);
  const zoom = (factor: number) => setView((now) => zoomed(now, factor, { x: screen.width / 2, y: screen.height / 2 }));
  const walk = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const next = nextNode(drawing, stop, event.key);
    if (next !== undefined) {
      const node = drawing.nodes.find((each) => each.id === next);
      if (node !== undefined) setView((now) => revealed(now, node, screen));
      setCursor(next);
      focusNode(frame.current, next);
    } else if (event.key === "Enter" || event.key === " ") onSelect(stop === selected ? undefined : stop);
    else if (event.key === "+" || event.key === "=") zoom(ZOOM);
    else if (event.key === "-") zoom(1 / ZOOM);
    else if (event.key === "0") setView(() => fit(drawing, screen));
    else return;
    event.preventDefault();
  };
  const height = Math.min(TALLEST, Math.max(SMALLEST, drawing.height * opening(drawing, { width: screen.width, height: TALLEST }).scale));
  return (
    <div class="graph" ref={frame} style={{ height: `${height}px` }}>
      <svg class="canvas" role="group" aria-label={`${label}. Arrow keys walk, Enter selects, plus and minus zoom.`} onKeyDown={walk}>
        <g transform={`translate(${view.x} ${view.y}) scale(${view.scale})`}>
          <Contents {...{ drawing, stepOf, selected, select, stop, view, screen }} />
        </g>
      </svg>
      <Tools zoom={zoom} whole={() => setView(() => fit(drawing, screen))} scale={view.scale} />
    </div>
  );
}

interface ContentsProps {
  drawing: Drawing;
  stepOf: GraphProps["stepOf"];
  selected: string | undefined;
  select: (id: string) => void;
  stop: string | undefined;
  view: Viewport;
  screen: { width: number; height: number };
}

function Contents({ drawing, stepOf, selected, select, stop, view, screen }: ContentsProps) {
  const byId = useMemo(() => new Map(drawing.nodes.map((node) => [node.id, node])), [drawing]);
  const isLarge = drawing.nodes.length > ALL_NODES;
  const area = visible(view, screen);
  const nodes = isLarge ? drawing.nodes.filter((node) => overlap(node, area) || node.id === stop) : drawing.nodes;
  const edges = isLarge ? drawing.edges.filter((edge) => overlap(box(edge, byId), area)) : drawing.edges;
  return (
    <>
      <g class="edges" aria-hidden="true">
        {edges.map((edge) => (
          <Edge key={`${edge.from}\n${edge.to}`} edge={edge} source={stepOf?.(edge.from)} target={stepOf?.(edge.to)} selected={selected} />
        ))}
      </g>
      {nodes.map((node) => (
        <NodeBox key={node.id} node={node} step={stepOf?.(node.id)} isSelected={node.id === selected} isStop={node.id === stop} onSelect={select} />
      ))}
    </>
  );
}

interface EdgeProps {
  edge: PlacedEdge;
  source: Step | undefined;
  target: Step | undefined;
  selected: string | undefined;
}

function Edge({ edge, source, target, selected }: EdgeProps) {
  const path = useMemo(() => curve(edge.points), [edge]);
  const end = edge.points.at(-1);
  const isPassed = source?.state === "SUCCEEDED" && target !== undefined && target.state !== "PENDING";
  const isNear = edge.from === selected || edge.to === selected;
  const name = `edge${isPassed ? " passed" : ""}${isNear ? " near" : ""}`;
  return (
    <g class={name}>
      <path class="line" d={path} />
      {end === undefined ? null : <path class="head" d={`M${end.x - 4} ${end.y - 7}L${end.x} ${end.y}L${end.x + 4} ${end.y - 7}Z`} />}
    </g>
  );
}

function box(edge: PlacedEdge, byId: ReadonlyMap<string, PlacedNode>) {
  const from = byId.get(edge.from);
  const to = byId.get(edge.to);
  if (from === undefined || to === undefined) return { x: 0, y: 0, width: 0, height: 0 };
  const x = Math.min(from.x, to.x);
  const y = Math.min(from.y, to.y);
  return { x, y, width: Math.max(from.x, to.x) + from.width - x, height: Math.max(from.y, to.y) + to.height - y };
}

function Tools({ zoom, whole, scale }: { zoom: (factor: number) => void; whole: () => void; scale: number }) {
  return (
    <div class="graph-tools" role="group" aria-label="View of the graph">
      <button type="button" class="button small icon-only" aria-label="Zoom out" onClick={() => zoom(1 / ZOOM)}><Icon name="minus" size={14} /></button>
      <span class="scale" aria-live="off">{Math.round(scale * 100)}%</span>
      <button type="button" class="button small icon-only" aria-label="Zoom in" onClick={() => zoom(ZOOM)}><Icon name="plus" size={14} /></button>
      <button type="button" class="button small icon-only" aria-label="Show all of it" onClick={whole}><Icon name="fit" size={14} /></button>
    </div>
  );
}

/** The view, which follows drawing and window until somebody has moved it. */
function useView(drawing: Drawing, screen: { width: number; height: number }) {
  const [own, setOwn] = useState<Viewport>();
  const view = own ?? opening(drawing, screen);
  const latest = useRef(view);
  latest.current = view;
  useLayoutEffect(() => setOwn(undefined), [drawing.width, drawing.height]);
  const change = useCallback((next: (now: Viewport) => Viewport) => setOwn((now) => next(now ?? latest.current)), []);
  return [view, change] as const;
}

function useSize(ref: { current: HTMLElement | null }) {
  const [size, setSize] = useState({ width: 800, height: 400 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    setSize({ width: element.clientWidth, height: element.clientHeight });
    return () => observer.disconnect();
  }, [ref]);
  return size;
}

function focusNode(frame: HTMLElement | null, id: string): void {
  // After the drawing has caught up: the node may not be there yet.
  requestAnimationFrame(() => {
    for (const node of frame?.querySelectorAll<SVGGElement>("g[data-step]") ?? []) if (node.dataset["step"] === id) node.focus();
  });
}
