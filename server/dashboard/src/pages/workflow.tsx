// The page of one workflow: its graph, how to start it, what changed between its versions, and its last runs.

import "../styles/graph.css";
import "../styles/run.css";
import "../styles/workflow.css";
import { useCallback, useMemo, useState } from "preact/hooks";

import { everyPage } from "../api/client.js";
import type { Json, Workflow } from "../api/types.js";
import { CopyButton } from "../components/copy_button.js";
import { Empty, ErrorNotice, SkeletonRows } from "../components/feedback.js";
import { JsonView } from "../components/json_view.js";
import { Page } from "../components/page.js";
import { Time } from "../components/time.js";
import { Graph } from "../graph/graph.js";
import { layout } from "../graph/layout.js";
import { useRead } from "../live/hooks.js";
import { Link, usePlace, useRouter } from "../router.js";
import { useSession } from "../session.js";
import { isCode, shapesOf, stepsOf } from "./workflow/definition.js";
import { RecentRuns } from "./workflow/recent.js";
import { StartForm } from "./workflow/start_form.js";
import { VersionsView } from "./workflow/versions_view.js";

const MOST_VERSIONS = 1_000;
const TABS: [tab: string, title: string][] = [["graph", "Graph"], ["start", "Start"], ["versions", "Versions"], ["definition", "Definition"]];

/** `/workflows/:name`, the current version unless `?version=` says another. */
export function WorkflowPage({ name }: { name: string }) {
  const { api } = useSession();
  const place = usePlace();
  const router = useRouter();
  const wanted = Number(place.query.get("version") ?? 0) || undefined;
  const tab = place.query.get("tab") ?? "graph";
  const read = useCallback(async (signal: AbortSignal) => {
    const all: Workflow[] = [];
    const pages = everyPage("workflows", (page_token) => api.versions(name, page_token ? { page_token } : {}, { signal }), MOST_VERSIONS);
    for await (const page of pages) all.push(...page);
    return all.sort((a, b) => b.version - a.version);
  }, [api, name]);
  const { data: versions, error, reload } = useRead(read, [api, name]);
  const put = (key: string, value: string) => {
    const query = new URLSearchParams(place.query);
    query.set(key, value);
    router.go(`${place.path}?${query.toString()}`, { replace: true });
  };
  const shown = versions?.find((each) => (wanted === undefined ? each.current : each.version === wanted)) ?? versions?.[0];
  return (
    <Page title={name} aside={<VersionChoice versions={versions ?? []} shown={shown} onChoose={(version) => put("version", version)} />}>
      {error === undefined ? null : <ErrorNotice error={error} retry={reload} />}
      {versions?.length === 0 ? <Empty icon="workflows" title={`There is no workflow called ${name}`}><Link to="/workflows">To the workflows</Link></Empty> : null}
      {shown === undefined ? (versions === undefined && error === undefined ? <SkeletonRows /> : null) : (
        <>
          <section class="card">
            <WorkflowTabs tab={tab} onTab={(next) => put("tab", next)} />
            <div role="tabpanel" id="workflow-tab" aria-labelledby={`tab-${tab}`}>
              <Shown tab={tab} workflow={shown} versions={versions ?? []} />
            </div>
          </section>
          <RecentRuns workflow={name} />
        </>
      )}
    </Page>
  );
}

function Shown({ tab, workflow, versions }: { tab: string; workflow: Workflow; versions: readonly Workflow[] }) {
  switch (tab) {
    case "start":
      return <StartForm key={workflow.version} workflow={workflow} />;
    case "versions":
      return <VersionsView versions={versions} />;
    case "definition":
      return <div class="body"><JsonView value={workflow.definition} label="Definition" /></div>;
    default:
      return <DefinitionGraph workflow={workflow} />;
  }
}

interface ChoiceProps {
  versions: readonly Workflow[];
  shown: Workflow | undefined;
  onChoose: (version: string) => void;
}

function VersionChoice({ versions, shown, onChoose }: ChoiceProps) {
  if (shown === undefined) return null;
  return (
    <span class="version-choice">
      <select class="input" aria-label="Version" value={String(shown.version)} onChange={(event) => onChoose(event.currentTarget.value)}>
        {versions.map((each) => <option key={each.version} value={String(each.version)}>v{each.version}{each.current ? " (current)" : ""}</option>)}
      </select>
      <span class="muted">since <Time at={shown.create_time} /></span>
    </span>
  );
}

function WorkflowTabs({ tab, onTab }: { tab: string; onTab: (tab: string) => void }) {
  const walk = (event: KeyboardEvent) => {
    const move = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const at = (TABS.findIndex(([name]) => name === tab) + move + TABS.length) % TABS.length;
    const next = TABS[at];
    if (move === 0 || next === undefined) return;
    event.preventDefault();
    onTab(next[0]);
    (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("[role=tab]")[at]?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Parts of the workflow" onKeyDown={walk}>
      {TABS.map(([name, title]) => (
        <button key={name} type="button" role="tab" id={`tab-${name}`} aria-selected={name === tab} aria-controls="workflow-tab" tabIndex={name === tab ? 0 : -1} onClick={() => onTab(name)}>
          {title}
        </button>
      ))}
    </div>
  );
}

/** The graph, and beside it the chosen step as it was written. */
function DefinitionGraph({ workflow }: { workflow: Workflow }) {
  const [selected, setSelected] = useState<string>();
  const drawing = useMemo(() => layout(shapesOf(workflow.definition)), [workflow]);
  if (isCode(workflow.definition)) return <p class="body muted">This workflow is code: which steps it takes is decided as it runs. A run shows them.</p>;
  const step = stepsOf(workflow.definition).find((each) => each.id === selected);
  return (
    <div class="definition-graph">
      <Graph drawing={drawing} selected={selected} onSelect={setSelected} label={`Graph of ${drawing.nodes.length} steps`} />
      {step === undefined ? null : (
        <section class="body stack-gap" aria-label={`Step ${step.id} as written`}>
          <h3>{step.id} <CopyButton text={step.id} label="Copy the step's id" /></h3>
          <JsonView value={step as unknown as Json} label={`Step ${step.id}`} />
        </section>
      )}
    </div>
  );
}
