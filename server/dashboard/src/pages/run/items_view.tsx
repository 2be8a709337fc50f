// The items of a foreach: how many stand where, and the items themselves by pages, all or those in one state.
// It must never hold more rows on the page than are in view.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import type { Step, StepState } from "../../api/types.js";
import { StateBadge } from "../../components/badge.js";
import { lookOf } from "../../components/states.js";
import { Span } from "../../components/time.js";
import { toastError } from "../../components/toasts.js";
import { VirtualTable } from "../../components/virtual_table.js";
import type { Column } from "../../components/virtual_table.js";
import { useSession } from "../../session.js";
import { barsOf } from "../../graph/node.js";
import type { Picture } from "./projection.js";
import { failureText } from "./waiting.js";

interface ItemsProps {
  picture: Picture;
  foreach: Step;
  onStep: (step: string) => void;
}

const ROW = 40;
/** A request may name so many steps, with room for its other parameters. */
const PAGE = 100;

/** Histogram, filter, list. */
export function ItemsView({ picture, foreach, onStep }: ItemsProps) {
  const [state, setState] = useState<StepState>();
  const bars = barsOf(foreach);
  return (
    <section class="part items">
      <h3>Items <span class="muted">{(foreach.items_finished ?? 0).toLocaleString("en")} of {(foreach.items ?? 0).toLocaleString("en")} finished</span></h3>
      <div class="bars" aria-hidden="true">
        {bars.map((bar) => (
          <div key={bar.state} class={`bar tone-${lookOf(bar.state).tone} ${bar.state.toLowerCase()}`} style={{ flexGrow: bar.count }} />
        ))}
      </div>
      <div class="chips" role="group" aria-label="Items in one state">
        <button type="button" class="chip" aria-pressed={state === undefined} onClick={() => setState(undefined)}>all</button>
        {bars.map((bar) => (
          <button key={bar.state} type="button" class={`chip tone-${lookOf(bar.state).tone}`} aria-pressed={state === bar.state} onClick={() => setState(bar.state)}>
            {lookOf(bar.state).label.toLowerCase()} {bar.count.toLocaleString("en")}
          </button>
        ))}
      </div>
      {state === undefined ? <AllItems key={foreach.step} {...{ picture, foreach, onStep }} /> : <ItemsIn key={state} {...{ picture, foreach, onStep, state }} />}
    </section>
  );
}

/** Every item by its number; those in view are read, and read again when events have moved them. */
function AllItems({ picture, foreach, onStep }: ItemsProps) {
  const { api } = useSession();
  const [read, setRead] = useState<ReadonlyMap<number, Step>>(new Map());
  const asked = useRef(new Set<number>());
  const id = foreach.step;
  const runId = picture.run.run_id;
  const count = foreach.items ?? 0;
  const load = useCallback((page: number) => {
    if (page * PAGE >= count || asked.current.has(page)) return;
    asked.current.add(page);
    const numbers = Array.from({ length: Math.min(PAGE, count - page * PAGE) }, (_, index) => page * PAGE + index);
    api.steps(runId, { step: numbers.map((number) => `${id}[${number}]`), page_size: PAGE }).then(
      ({ steps = [] }) => setRead((old) => new Map([...old, ...steps.map((step): [number, Step] => [numberOf(step.step), step])])),
      (error: unknown) => {
        asked.current.delete(page);
        toastError("Items could not be read", error);
      },
    );
  }, [api, runId, id, count]);
  const look = useCallback((top: number) => {
    const first = Math.floor(top / ROW / PAGE);
    load(first);
    load(first + 1);
  }, [load]);
  useEffect(() => look(0), [look]);
  const stepAt = (number: number): Step => {
    const item = `${id}[${number}]`;
    const told = picture.items.get(item);
    const known = read.get(number) ?? { step: item, state: "PENDING", attempt: 0 };
    return told === undefined ? known : { ...known, state: told };
  };
  const rows = Array.from({ length: count }, (_, index) => index);
  const columns = columnsOf<number>(stepAt, onStep);
  return <VirtualTable label={`Items of ${id}`} class="item-rows" columns={columns} rows={rows} keyOf={String} rowHeight={ROW} onScrollTop={look} />;
}

/** Items in one state, a page after the other as somebody scrolls. */
function ItemsIn({ picture, foreach, onStep, state }: ItemsProps & { state: StepState }) {
  const { api } = useSession();
  const [rows, setRows] = useState<readonly Step[]>([]);
  const next = useRef<string | undefined>("");
  const isReading = useRef(false);
  const more = useCallback(async () => {
    if (isReading.current || next.current === undefined) return;
    isReading.current = true;
    try {
      const page = await api.steps(picture.run.run_id, { state: [state], page_size: 1_000, ...(next.current === "" ? {} : { page_token: next.current }) });
      next.current = page.next_page_token === "" ? undefined : page.next_page_token;
      const own = (page.steps ?? []).filter((step) => step.step.startsWith(`${foreach.step}[`));
      setRows((old) => [...old, ...own]);
    } catch (error) {
      toastError("Items could not be read", error);
      next.current = undefined;
    }
    isReading.current = false;
  }, [api, picture.run.run_id, foreach.step, state]);
  useEffect(() => void more(), [more]);
  const columns = columnsOf<Step>((step) => step, onStep);
  return <VirtualTable label={`Items of ${foreach.step} in state ${state}`} class="item-rows" columns={columns} rows={rows} keyOf={(step) => step.step} rowHeight={ROW} onNearEnd={() => void more()} />;
}

function columnsOf<Row>(stepOf: (row: Row) => Step, onStep: (step: string) => void): Column<Row>[] {
  return [
    {
      key: "item",
      title: "Item",
      cell: (row) => {
        const { step } = stepOf(row);
        return <button type="button" class="step-link mono" onClick={() => onStep(step)}>{numberOf(step).toLocaleString("en")}</button>;
      },
    },
    { key: "state", title: "State", cell: (row) => <StateBadge state={stepOf(row).state} /> },
    { key: "note", title: "Note", cell: (row) => <ItemNote step={stepOf(row)} /> },
  ];
}

function ItemNote({ step }: { step: Step }) {
  if (step.failure !== undefined && step.state !== "SUCCEEDED") return <span class="ellipsis" title={failureText(step.failure)}>{failureText(step.failure)}</span>;
  if (step.start_time === undefined) return null;
  const end = step.end_time ?? (step.state === "LEASED" ? undefined : step.start_time);
  return <><Span start={step.start_time} end={end} />{step.attempt > 1 ? <span class="muted"> attempt {step.attempt}</span> : null}</>;
}

function numberOf(step: string): number {
  return Number(step.slice(step.lastIndexOf("[") + 1, -1));
}
