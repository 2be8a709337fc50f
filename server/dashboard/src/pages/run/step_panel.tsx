// Everything about one step, beside the graph: how it stands, its attempts, what it streams, what went in and came out.
// Payloads are read when somebody looks at the step, never before.

import { useEffect, useRef, useState } from "preact/hooks";

import type { Json, Run, Step } from "../../api/types.js";
import { StateBadge } from "../../components/badge.js";
import { CopyButton } from "../../components/copy_button.js";
import { ErrorNotice } from "../../components/feedback.js";
import { Icon } from "../../components/icon.js";
import { JsonView } from "../../components/json_view.js";
import { Span, Time, now } from "../../components/time.js";
import { useRead } from "../../live/hooks.js";
import { Link, to } from "../../router.js";
import { useSession } from "../../session.js";
import { isEnded } from "../../store/run_events.js";
import { AttemptList } from "./attempt_list.js";
import { FailureView } from "./failure_view.js";
import { ItemsView } from "./items_view.js";
import type { Picture } from "./projection.js";
import { RetryDialog } from "./run_actions.js";
import { detailOf, kindOf } from "./shapes.js";
import { RequeueButton, SignalButton } from "./step_actions.js";
import type { RunStore } from "./store.js";
import { StreamView } from "./stream_view.js";
import { reasonsOf } from "./waiting.js";

interface PanelProps {
  store: RunStore;
  picture: Picture;
  id: string;
  onStep: (step: string | undefined) => void;
}

const PROGRESS_MS = 3_000;

/** The panel of the step with this id, or of an item of a foreach. */
export function StepPanel({ store, picture, id, onStep }: PanelProps) {
  const { api } = useSession();
  const known = picture.steps.get(id);
  const itemState = picture.items.get(id);
  const version = known === undefined ? itemState : `${known.state} ${known.attempt} ${known.end_time ?? ""}`;
  const reading = useRead(
    (signal) => api.steps(picture.run.run_id, { step: [id], payloads: true, attempts: true, omit_items: known !== undefined }, { signal }),
    [api, id, version],
  );
  const read = reading.data?.steps?.[0];
  const step = known === undefined ? read : { ...read, ...known, ...payloadsOf(read) };
  useProgress(step?.state === "LEASED", reading.reload);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.scrollIntoView({ block: "nearest" }), []);
  return (
    <aside class="card step-panel" aria-label={`Step ${id}`}>
      <header>
        <h2 ref={heading} class="mono">{id}</h2>
        <button type="button" class="button quiet small icon-only" aria-label="Close the step" onClick={() => onStep(undefined)}>
          <Icon name="close" size={14} />
        </button>
      </header>
      <div class="body stack-gap">
        {reading.error === undefined ? null : <ErrorNotice error={reading.error} retry={reading.reload} />}
        {step === undefined ? null : <StepBody {...{ store, picture, step, onStep }} />}
      </div>
    </aside>
  );
}

/** What only the route has: the picture holds how a step stands, not what it carries. */
function payloadsOf(read: Step | undefined): Partial<Step> {
  const { input, output, progress, attempts, failure } = read ?? {};
  return {
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    ...(progress === undefined ? {} : { progress }),
    ...(attempts === undefined ? {} : { attempts }),
    ...(failure === undefined ? {} : { failure }),
  };
}

/** Progress is no event: it is looked up while somebody looks at a running step. */
function useProgress(isRunning: boolean, reload: () => void): void {
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") reload();
    }, PROGRESS_MS);
    return () => clearInterval(timer);
  }, [isRunning, reload]);
}

function StepBody({ store, picture, step, onStep }: { store: RunStore; picture: Picture; step: Step; onStep: (step: string) => void }) {
  const expected = store.expected.get(step.step);
  const stream = picture.streams.get(step.step);
  const reason = reasonsOf(picture.run, [step], now.value).find((each) => each.step === step.step);
  return (
    <>
      <div class="step-standing">
        <StateBadge state={expected ?? step.state} expected={expected !== undefined} />
        <span class="muted">{step.kind ?? kindOf(step)}</span>
        <StepActions {...{ store, run: picture.run, step }} />
      </div>
      {reason === undefined ? null : <p class="why">{reason.text} {reason.runId ? <Link to={to.run(reason.runId)} class="mono">{reason.runId}</Link> : null}</p>}
      <StepFacts step={step} onStep={onStep} />
      {step.progress === undefined ? null : <Part title="Progress"><Progress value={step.progress} /></Part>}
      {stream === undefined || stream.chunks.length === 0 ? null : <StreamView stream={stream} isRunning={step.state === "LEASED" || step.state === "READY"} />}
      {step.failure === undefined || step.state === "SUCCEEDED" || step.attempts?.some((attempt) => attempt.failure) ? null : <Part title="Last failure"><FailureView failure={step.failure} /></Part>}
      {step.items ? <ItemsView picture={picture} foreach={step} onStep={onStep} /> : null}
      {step.output === undefined ? null : <Part title="Output"><JsonView value={step.output} label="Output of the step" /></Part>}
      {step.input === undefined || step.items ? null : <Part title="Input"><JsonView value={step.input} label="Input of the step" /></Part>}
      {step.attempts === undefined || step.attempts.length === 0 ? null : <AttemptList attempts={step.attempts} />}
    </>
  );
}

/** A titled part of the panel. */
export function Part({ title, children }: { title: string; children: preact.ComponentChildren }) {
  return (
    <section class="part">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function StepActions({ store, run, step }: { store: RunStore; run: Run; step: Step }) {
  const [isAsked, setIsAsked] = useState(false);
  const isOver = isEnded(run.state);
  return (
    <span class="step-actions">
      {!isOver && step.kind === "signal" && step.state === "WAITING" ? <SignalButton store={store} name={step.signal || step.step} /> : null}
      {step.state === "DEAD" ? <RequeueButton store={store} step={step} /> : null}
      {isOver && step.start_time !== undefined && !step.step.endsWith("]") ? (
        <button type="button" class="button small" onClick={() => setIsAsked(true)}><Icon name="retry" size={14} /> Retry from here</button>
      ) : null}
      {isAsked ? <RetryDialog {...{ store, run, fromStep: step.step, onClose: () => setIsAsked(false) }} /> : null}
    </span>
  );
}

function StepFacts({ step, onStep }: { step: Step; onStep: (step: string) => void }) {
  const attempts = `${step.attempt}${step.max_attempts ? ` of ${step.max_attempts}` : ""}`;
  const rows: [string, preact.ComponentChildren][] = [
    [step.kind === "signal" ? "Signal" : "Action", step.signal || step.action || detailOf(step)],
    ["Queue", step.kind === "action" || step.kind === "foreach" ? step.queue : undefined],
    ["Attempt", step.attempt > 0 && !step.items ? attempts : undefined],
    ["Worker", step.worker_id === undefined ? undefined : <><span class="mono">{step.worker_id}</span><CopyButton text={step.worker_id} label="Copy the worker's id" /></>],
    ["Ready", step.ready_time === undefined ? undefined : <Time at={step.ready_time} />],
    ["Ran", step.start_time === undefined ? undefined : <Span start={step.start_time} end={step.end_time ?? (step.state === "LEASED" ? undefined : step.start_time)} />],
    ["Goes on", step.due_time === undefined ? undefined : <Time at={step.due_time} />],
    ["Its run", step.child_run_id ? <Link to={to.run(step.child_run_id)} class="mono">{step.child_run_id}</Link> : undefined],
    ["After", needsOf(step, onStep)],
  ];
  return (
    <dl class="step-facts">
      {rows.filter(([, value]) => value !== undefined && value !== "").map(([name, value]) => (
        <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  );
}

const MOST_NEEDS = 12;

function needsOf(step: Step, onStep: (step: string) => void): preact.ComponentChildren {
  const needs = step.needs ?? [];
  if (needs.length === 0) return undefined;
  const links = needs.slice(0, MOST_NEEDS).map((need) => (
    <button key={need} type="button" class="step-link" onClick={() => onStep(need)}>{need}</button>
  ));
  return needs.length > MOST_NEEDS ? [...links, <span key="\n" class="muted">and {needs.length - MOST_NEEDS} more</span>] : links;
}

/** A share from 0 to 1, or {done, total} as a bar; anything else as it is. */
function Progress({ value }: { value: Json }) {
  const share = shareOf(value);
  return (
    <>
      {share === undefined ? null : (
        <div class="progress" role="progressbar" aria-label="Progress" aria-valuenow={Math.round(share * 100)} aria-valuemin={0} aria-valuemax={100}>
          <div style={{ width: `${share * 100}%` }} />
        </div>
      )}
      <JsonView value={value} label="Progress" />
    </>
  );
}

function shareOf(value: Json): number | undefined {
  if (typeof value === "number") return value >= 0 && value <= 1 ? value : value <= 100 && value > 1 ? value / 100 : undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { done, total } = value;
  return typeof done === "number" && typeof total === "number" && total > 0 ? Math.min(1, Math.max(0, done / total)) : undefined;
}
