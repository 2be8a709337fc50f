// The form above the list of runs. What is chosen goes into the address at once.

import { useEffect, useState } from "preact/hooks";
import { RUN_STATES, type RunState } from "../../api/types.js";
import { Icon } from "../../components/icon.js";
import { lookOf } from "../../components/states.js";
import { useRead } from "../../live/hooks.js";
import { useSession } from "../../session.js";
import { PERIODS, type FilterForm } from "./filter.js";

const SETTLE_MS = 300;

interface BarProps {
  form: FilterForm;
  change: (part: Partial<FilterForm>) => void;
  searchId: string;
}

export function FilterBar({ form, change, searchId }: BarProps) {
  return (
    <div class="filters" role="search" aria-label="Filter runs">
      <label class="field filter-search">
        <span>Run id, workflow or key</span>
        <Typed id={searchId} value={form.search} placeholder="run_… or a part of it" onChange={(search) => change({ search })} />
      </label>
      <WorkflowField value={form.workflow} onChange={(workflow) => change({ workflow })} />
      <label class="field">
        <span>Started</span>
        <select class="input" value={form.since} onChange={(event) => change({ since: event.currentTarget.value })}>
          <option value="">Any time</option>
          {Object.entries(PERIODS).map(([name, { title }]) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>Attributes</span>
        <Typed value={form.attributes} placeholder="customer=acme" onChange={(attributes) => change({ attributes })} />
      </label>
      <StateChips chosen={form.states} onChange={(states) => change({ states })} />
    </div>
  );
}

interface TypedProps {
  value: string;
  placeholder: string;
  onChange: (value: string) => void;
  id?: string;
}

/** A field that tells what was typed once typing pauses. */
function Typed({ value, placeholder, onChange, id }: TypedProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return undefined;
    const timer = setTimeout(() => onChange(text), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <input
      id={id}
      class="input"
      value={text}
      placeholder={placeholder}
      spellcheck={false}
      autocomplete="off"
      onInput={(event) => setText(event.currentTarget.value)}
    />
  );
}

function WorkflowField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { api } = useSession();
  const { data } = useRead((signal) => api.workflows({ page_size: 500 }, { signal }), [api]);
  const names = (data?.workflows ?? []).map((workflow) => workflow.name);
  return (
    <label class="field">
      <span>Workflow</span>
      <select class="input" value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">All workflows</option>
        {[...new Set(value ? [value, ...names] : names)].sort().map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function StateChips({ chosen, onChange }: { chosen: RunState[]; onChange: (states: RunState[]) => void }) {
  const toggle = (state: RunState) =>
    onChange(chosen.includes(state) ? chosen.filter((each) => each !== state) : [...chosen, state]);
  return (
    <div class="chips" role="group" aria-label="States">
      <button type="button" class="chip tone-neutral" aria-pressed={chosen.length === 0} onClick={() => onChange([])}>
        All
      </button>
      {RUN_STATES.map((state) => {
        const look = lookOf(state);
        return (
          <button type="button" key={state} class={`chip tone-${look.tone}`} aria-pressed={chosen.includes(state)} onClick={() => toggle(state)}>
            <Icon name={look.icon} size={12} />
            {look.label}
          </button>
        );
      })}
    </div>
  );
}
