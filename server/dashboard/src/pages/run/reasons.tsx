// "Why is it waiting", above everything else of an open run. The sentences are made elsewhere; this only shows them.

import { useState } from "preact/hooks";

import { Icon } from "../../components/icon.js";
import type { IconName } from "../../components/icon.js";
import { now } from "../../components/time.js";
import { Link, to } from "../../router.js";
import type { Picture } from "./projection.js";
import { SignalButton, RequeueButton, ResumeButton } from "./step_actions.js";
import { summaryOf, withCauses } from "./explained.js";
import { hasDead } from "./run_actions.js";
import type { RunStore } from "./store.js";
import { reasonsOf } from "./waiting.js";
import type { Reason, Tone } from "./waiting.js";

const SHOWN = 5;
const LOOKS: Record<Tone, [tone: string, icon: IconName, word: string]> = {
  stuck: ["bad", "warn", "Stuck"],
  waiting: ["wait", "hourglass", "Waiting"],
  working: ["info", "spinner", "At work"],
  later: ["neutral", "circle", "Later"],
};

/** One line for each open step, the worst first. */
export function Reasons({ store, picture, onStep }: { store: RunStore; picture: Picture; onStep: (step: string) => void }) {
  const [isOpen, setIsOpen] = useState(false);
  const own = reasonsOf(picture.run, picture.steps.values(), now.value);
  const reasons = withCauses(own, picture.steps, store.explanation);
  const summary = summaryOf(picture.run, store.explanation);
  if (reasons.length === 0) return null;
  const soon = reasons.filter((reason) => reason.tone !== "later");
  const shown = isOpen ? reasons.slice(0, 200) : soon.slice(0, SHOWN);
  const hidden = reasons.length - shown.length;
  const worst = reasons[0]?.tone ?? "later";
  return (
    <section class={`card reasons tone-${LOOKS[worst][0]}`} aria-labelledby="reasons-title">
      <header>
        <h2 id="reasons-title">{titleOf(worst)}</h2>
        {hidden > 0 || isOpen ? (
          <button type="button" class="button quiet small" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
            {isOpen ? "Show less" : `${hidden.toLocaleString("en")} more open ${hidden === 1 ? "step" : "steps"}`}
          </button>
        ) : null}
      </header>
      {summary === "" ? null : <p class="summary">{summary}</p>}
      <ul>
        {shown.map((reason, index) => (
          <ReasonLine key={`${reason.step} ${index}`} {...{ store, picture, reason, onStep }} />
        ))}
      </ul>
    </section>
  );
}

function titleOf(worst: Tone): string {
  if (worst === "stuck") return "Why it is stuck";
  return worst === "working" ? "What it is doing" : "Why it is waiting";
}

function ReasonLine({ store, picture, reason, onStep }: { store: RunStore; picture: Picture; reason: Reason; onStep: (step: string) => void }) {
  const [tone, icon, word] = LOOKS[reason.tone];
  return (
    <li class={`tone-${tone}`}>
      <span class="mark" title={word}>
        <Icon name={icon} size={14} class={reason.tone === "working" ? "spin" : undefined} />
        <span class="hidden">{word}: </span>
      </span>
      <span class="sentence">
        {reason.step === "" ? null : (
          <button type="button" class="step-link" onClick={() => onStep(reason.step)}>{reason.step}</button>
        )}{" "}
        {reason.text} {reason.runId === undefined ? null : <Link to={to.run(reason.runId)} class="mono">{reason.runId}</Link>}
      </span>
      <ReasonAction {...{ store, picture, reason }} />
    </li>
  );
}

/** What one can do about it, right beside it. */
function ReasonAction({ store, picture, reason }: { store: RunStore; picture: Picture; reason: Reason }) {
  const step = picture.steps.get(reason.step);
  if (step === undefined) return picture.run.state === "BLOCKED" && !hasDead(store) ? <ResumeButton store={store} /> : null;
  if (step.state === "DEAD") return <RequeueButton store={store} step={step} />;
  return step.state === "WAITING" && step.kind === "signal" ? <SignalButton store={store} name={step.signal || step.step} /> : null;
}
