// Starts a run: a form drawn from the workflow's input_schema, or an editor of JSON. The server's check is the one
// that counts; what it refuses stands beside the field it names.

import { useMemo, useState } from "preact/hooks";

import { newId } from "../../api/client.js";
import { asApiError } from "../../api/problem.js";
import type { ApiError } from "../../api/problem.js";
import type { FieldProblem, Json, Workflow } from "../../api/types.js";
import { ErrorNotice } from "../../components/feedback.js";
import { Icon } from "../../components/icon.js";
import { toast } from "../../components/toasts.js";
import { to, useRouter } from "../../router.js";
import { useSession } from "../../session.js";
import { asObject } from "./definition.js";
import { draftOf, valueOf } from "./draft.js";
import type { Draft } from "./draft.js";
import { FieldView } from "./field_view.js";
import { JsonInput } from "./json_input.js";
import { formOf } from "./schema.js";
import type { Field } from "./schema.js";

const ROOT = "input";

/** Form or JSON, an idempotency key, and Start. */
export function StartForm({ workflow }: { workflow: Workflow }) {
  const schema = asObject(workflow.definition)["input_schema"];
  const form = useMemo(() => formOf(schema), [schema]);
  const [isJson, setIsJson] = useState(form.kind === "json");
  const [draft, setDraft] = useState<Draft>(() => draftOf(form));
  const [key, setKey] = useState("");
  const [wasTried, setWasTried] = useState(false);
  const start = useStart(workflow);
  const asked: Field = isJson ? { ...form, kind: "json" } : form;
  const outcome = valueOf(asked, draft, ROOT);
  const change = (next: Draft) => {
    start.forget();
    setDraft(next);
  };
  const turn = () => {
    setDraft(isJson ? draftOf(form, outcome.value ?? form.initial) : jsonDraft(outcome.value, form, draft));
    setIsJson(!isJson);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    setWasTried(true);
    if (outcome.problems.length === 0) start.go(outcome.value, key.trim());
  };
  const shown = [...start.problems, ...(wasTried || isJson ? outcome.problems : [])];
  return (
    <form class="start-form body" onSubmit={submit} noValidate>
      {form.kind === "json" ? null : (
        <div class="line">
          <span class="muted">{form.description || "Input, as its schema describes it"}</span>
          <button type="button" class="button small" onClick={turn} disabled={isJson && outcome.problems.length > 0}>{isJson ? "As a form" : "As JSON"}</button>
        </div>
      )}
      {isJson ? (
        <JsonInput label="Input (JSON; empty for none)" value={typeof draft === "string" ? draft : ""} problems={shown} rows={12} onChange={change} />
      ) : (
        <FieldView field={form} draft={draft} path={ROOT} problems={shown} onChange={change} />
      )}
      <label class="field key">
        <span>Idempotency key (optional; the same key and input give the same run)</span>
        <input class="input" value={key} spellcheck={false} autocomplete="off" maxLength={512} onInput={(event) => setKey(event.currentTarget.value)} />
      </label>
      {start.error === undefined ? null : <ErrorNotice error={start.error} />}
      <div class="line">
        <button type="submit" class="button primary" disabled={start.isBusy}><Icon name="runs" size={14} /> Start</button>
        {workflow.current ? null : <span class="muted">starts version {workflow.version}, which is not the current one</span>}
      </div>
    </form>
  );
}

/** What stands in the form as text to go on with; the schema's words when nothing does. */
function jsonDraft(value: Json | undefined, form: Field, draft: Draft): string {
  if (value !== undefined) return JSON.stringify(value, null, 2);
  // Something is wrong or missing: what is right is kept, so that nobody types twice.
  const parts = form.fields.map((field): [string, Json | undefined] => [field.name, valueOf(field, asDrafts(draft)[field.name], "").value]);
  const right = Object.fromEntries(parts.filter((part): part is [string, Json] => part[1] !== undefined));
  return Object.keys(right).length === 0 ? "" : JSON.stringify(right, null, 2);
}

function asDrafts(draft: Draft): Record<string, Draft> {
  return typeof draft === "object" && !Array.isArray(draft) ? draft : {};
}

interface Start {
  go: (input: Json | undefined, key: string) => void;
  forget: () => void;
  isBusy: boolean;
  error: ApiError | undefined;
  problems: readonly FieldProblem[];
}

/** Sends it once: pressing again after a lost answer gives the same run. */
function useStart(workflow: Workflow): Start {
  const { api } = useSession();
  const router = useRouter();
  const [error, setError] = useState<ApiError>();
  const [isBusy, setIsBusy] = useState(false);
  const [requestId, setRequestId] = useState(newId);
  const go = (input: Json | undefined, key: string) => {
    setIsBusy(true);
    setError(undefined);
    const body = { request_id: requestId, ...(input === undefined ? {} : { input }), ...(workflow.current ? {} : { version: workflow.version }) };
    api.trigger(workflow.name, body, key || undefined).then(
      ({ run_id, deduplicated }) => {
        toast(deduplicated ? "That run was there already" : "Run started");
        router.go(to.run(run_id));
      },
      (thrown: unknown) => {
        setError(asApiError(thrown));
        setIsBusy(false);
      },
    );
  };
  const forget = () => {
    setError(undefined);
    setRequestId(newId());
  };
  return { go, forget, isBusy, error, problems: error?.problem.errors ?? [] };
}
