// One field of a start form, and the fields in it. What is typed stays text until it is sent.

import { useId } from "preact/hooks";

import type { FieldProblem, Json } from "../../api/types.js";
import { Icon } from "../../components/icon.js";
import { childPath, draftOf, partDraft } from "./draft.js";
import type { Draft } from "./draft.js";
import { JsonInput, Problems } from "./json_input.js";
import type { Field, Rules } from "./schema.js";

interface FieldProps {
  field: Field;
  draft: Draft;
  path: string;
  problems: readonly FieldProblem[];
  onChange: (draft: Draft) => void;
}

/** A field by its kind. */
export function FieldView(props: FieldProps) {
  switch (props.field.kind) {
    case "object":
      return <ObjectField {...props} />;
    case "list":
      return <ListField {...props} />;
    case "json":
      return <JsonInput label={`${labelOf(props.field)} (JSON)${props.field.description ? `: ${props.field.description}` : ""}`} value={textOf(props.draft)} rows={3} problems={own(props)} onChange={props.onChange} />;
    default:
      return <SingleField {...props} />;
  }
}

function ObjectField({ field, draft, path, problems, onChange }: FieldProps) {
  const parts = typeof draft === "object" && !Array.isArray(draft) ? draft : {};
  const inner = field.fields.map((each) => (
    <FieldView
      key={each.name}
      field={each}
      draft={partDraft(draft, each.name)}
      path={childPath(path, each.name)}
      problems={problems}
      onChange={(next) => onChange({ ...parts, [each.name]: next })}
    />
  ));
  if (field.name === "" && !path.endsWith("]")) return <div class="form-fields">{inner}<Problems id={path} problems={exact(problems, path)} /></div>;
  return (
    <fieldset class="form-group">
      <legend>{field.name === "" ? "Entry" : labelOf(field)}</legend>
      {field.description === "" ? null : <p class="muted">{field.description}</p>}
      <div class="form-fields">{inner}</div>
      <Problems id={path} problems={exact(problems, path)} />
    </fieldset>
  );
}

function ListField({ field, draft, path, problems, onChange }: FieldProps) {
  const parts = Array.isArray(draft) ? draft : [];
  const entry = field.entry;
  if (entry === undefined) return null;
  return (
    <fieldset class="form-group">
      <legend>{labelOf(field)}</legend>
      {field.description === "" ? null : <p class="muted">{field.description}</p>}
      <ol class="form-list">
        {parts.map((part, index) => (
          <li key={index}>
            <FieldView field={entry} draft={part} path={childPath(path, index)} problems={problems} onChange={(next) => onChange(parts.with(index, next))} />
            <button type="button" class="button quiet small icon-only" aria-label={`Remove entry ${index + 1} of ${field.name}`} onClick={() => onChange(parts.toSpliced(index, 1))}>
              <Icon name="close" size={14} />
            </button>
          </li>
        ))}
      </ol>
      <button type="button" class="button small" disabled={parts.length >= (field.rules.maxItems ?? Infinity)} onClick={() => onChange([...parts, draftOf(entry)])}>
        <Icon name="plus" size={14} /> Add to {field.name || "the list"}
      </button>
      <Problems id={path} problems={exact(problems, path)} />
    </fieldset>
  );
}

function SingleField(props: FieldProps) {
  const { field, path } = props;
  const id = useId();
  const problems = own(props);
  const notes = [field.description === "" ? "" : `${id}-about`, problems.length > 0 ? `${id}-problems` : ""].filter(Boolean).join(" ");
  const about = { id: `${id}-box`, "aria-invalid": problems.length > 0, "aria-describedby": notes || undefined, "aria-required": field.required };
  return (
    <div class="field">
      <label class="label" for={`${id}-box`}>{field.name === "" ? path : labelOf(field)}</label>
      <Control {...props} about={about} />
      {field.description === "" ? null : <span class="about" id={`${id}-about`}>{field.description}</span>}
      <Problems id={`${id}-problems`} problems={problems} />
    </div>
  );
}

const LONG_TEXT = 500;

function Control({ field, draft, onChange, about }: FieldProps & { about: object }) {
  if (field.kind === "choice") return <Choice {...{ field, draft, onChange, about }} />;
  if (field.kind === "boolean") return <YesNo {...{ field, draft, onChange, about }} />;
  const common = { ...about, class: "input", value: textOf(draft), onInput: (event: Event & { currentTarget: { value: string } }) => onChange(event.currentTarget.value) };
  if (field.kind !== "text") return <input {...common} inputMode={field.kind === "integer" ? "numeric" : "decimal"} autocomplete="off" placeholder={rangeOf(field.rules)} />;
  if ((field.rules.maxLength ?? 0) > LONG_TEXT) return <textarea {...common} rows={4} />;
  const text = { ...common, autocomplete: "off" as const, placeholder: hintOf(field.rules) };
  switch (field.rules.format) {
    case "date":
      return <input {...text} type="date" />;
    case "email":
      return <input {...text} type="email" />;
    case "uri":
      return <input {...text} type="url" />;
    default:
      return <input {...text} />;
  }
}

function Choice({ field, draft, onChange, about }: Pick<FieldProps, "field" | "draft" | "onChange"> & { about: object }) {
  return (
    <select {...about} class="input" value={typeof draft === "string" ? draft : ""} onChange={(event) => onChange(event.currentTarget.value || undefined)}>
      <option value="">{field.required ? "choose" : "–"}</option>
      {field.options.map((option, index) => <option key={index} value={String(index)}>{optionText(option)}</option>)}
    </select>
  );
}

function YesNo({ field, draft, onChange, about }: Pick<FieldProps, "field" | "draft" | "onChange"> & { about: object }) {
  const value = draft === true ? "true" : draft === false ? "false" : "";
  return (
    <select {...about} class="input" value={value} onChange={(event) => onChange(event.currentTarget.value === "" ? undefined : event.currentTarget.value === "true")}>
      <option value="">{field.required ? "choose" : "–"}</option>
      <option value="true">true</option>
      <option value="false">false</option>
    </select>
  );
}

function labelOf(field: Field): string {
  return `${field.label}${field.required ? " *" : ""}`;
}

function rangeOf({ minimum, maximum }: Rules): string {
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  return minimum !== undefined ? `${minimum} or more` : maximum !== undefined ? `${maximum} or less` : "";
}

function hintOf(rules: Rules): string {
  return rules.pattern ?? (rules.format === "date-time" ? "2026-11-21T17:00:00Z" : rules.format === "email" || rules.format === "uri" ? "" : rules.format);
}

function optionText(option: Json): string {
  return typeof option === "string" ? option : JSON.stringify(option);
}

function textOf(draft: Draft): string {
  return typeof draft === "string" ? draft : "";
}

/** Problems of this field; of one that shows what is in it as text, also those within. */
function own({ field, problems, path }: FieldProps): FieldProblem[] {
  if (field.kind !== "json") return exact(problems, path);
  return problems.filter((problem) => problem.field === path || problem.field?.startsWith(`${path}.`) || problem.field?.startsWith(`${path}[`));
}

function exact(problems: readonly FieldProblem[], path: string): FieldProblem[] {
  return problems.filter((problem) => problem.field === path);
}
