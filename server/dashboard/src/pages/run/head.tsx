// The head of a run's page: which run it is, how it stands, where it came from and where it goes on, and what one can do.

import { StateBadge } from "../../components/badge.js";
import { CopyButton } from "../../components/copy_button.js";
import { Icon } from "../../components/icon.js";
import type { IconName } from "../../components/icon.js";
import { Span, Time } from "../../components/time.js";
import { Link, to } from "../../router.js";
import type { Run } from "../../api/types.js";
import type { Picture } from "./projection.js";
import { RunActions } from "./run_actions.js";
import type { RunStore } from "./store.js";

/** Id, workflow, state, times, relatives and actions. */
export function RunHead({ store, picture }: { store: RunStore; picture: Picture }) {
  const run = picture.run;
  const expected = store.expected.get("");
  return (
    <header class="run-head">
      <div class="title">
        <h1>
          <Link to={to.workflow(run.workflow)}>{run.workflow}</Link> <span class="tag">v{run.version}</span>
        </h1>
        <StateBadge state={expected ?? run.state} expected={expected !== undefined} />
      </div>
      <RunActions store={store} run={run} />
      <dl class="run-facts">
        <Fact name="Run">
          <span class="mono id">{run.run_id}</span>
          <CopyButton text={run.run_id} label="Copy the run's id" />
        </Fact>
        <Fact name="Started"><Time at={run.create_time} /></Fact>
        <Fact name={run.end_time ? "Took" : "For"}><Span start={run.create_time} end={run.end_time} /></Fact>
        {run.end_time ? <Fact name="Ended"><Time at={run.end_time} /></Fact> : null}
        {run.deadline && !run.end_time ? <Fact name="Must end"><Time at={run.deadline} /></Fact> : null}
        {run.idempotency_key ? <Fact name="Idempotency key"><span class="mono id">{run.idempotency_key}</span></Fact> : null}
        <Relatives run={run} picture={picture} />
      </dl>
    </header>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Runs this one came from, goes on as, or has started. */
function Relatives({ run, picture }: { run: Run; picture: Picture }) {
  const children = [...picture.steps.values()].filter((step) => step.child_run_id);
  return (
    <>
      {run.parent_run_id ? (
        <Fact name="Started by">
          <RunLink id={run.parent_run_id} icon="up" note={run.parent_step ? `step ${run.parent_step}` : ""} />
        </Fact>
      ) : null}
      {run.forked_from ? <Fact name="Forked from"><RunLink id={run.forked_from} icon="fork" /></Fact> : null}
      {run.continued_as ? <Fact name="Goes on as"><RunLink id={run.continued_as} icon="next" /></Fact> : null}
      {children.length > 0 ? (
        <Fact name={children.length === 1 ? "Child" : `Children (${children.length})`}>
          {children.slice(0, 4).map((step) => <RunLink key={step.step} id={step.child_run_id ?? ""} icon="down" note={step.step} />)}
        </Fact>
      ) : null}
    </>
  );
}

function RunLink({ id, icon, note = "" }: { id: string; icon: IconName; note?: string }) {
  return (
    <Link to={to.run(id)} class="run-link" title={id}>
      <Icon name={icon} size={12} />
      <span class="mono">{id}</span>
      {note === "" ? null : <span class="muted"> {note}</span>}
    </Link>
  );
}
