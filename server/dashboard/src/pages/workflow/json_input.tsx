// A box for JSON with what is wrong with it underneath.

import { useId } from "preact/hooks";

import type { FieldProblem } from "../../api/types.js";

interface JsonInputProps {
  label: string;
  value: string;
  rows: number;
  problems: readonly FieldProblem[];
  onChange: (text: string) => void;
}

export function JsonInput({ label, value, rows, problems, onChange }: JsonInputProps) {
  const id = useId();
  return (
    <div class="field">
      <label class="label" for={`${id}-box`}>{label}</label>
      <textarea
        class="input"
        id={`${id}-box`}
        rows={rows}
        value={value}
        spellcheck={false}
        aria-invalid={problems.length > 0}
        aria-describedby={problems.length > 0 ? `${id}-problems` : undefined}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      <Problems id={`${id}-problems`} problems={problems} hasPath />
    </div>
  );
}

/** What is wrong, in the words of who found it. */
export function Problems({ id, problems, hasPath = false }: { id: string; problems: readonly FieldProblem[]; hasPath?: boolean }) {
  if (problems.length === 0) return null;
  return (
    <ul class="problem" id={id}>
      {problems.map((problem, index) => <li key={index}>{hasPath && problem.field ? <code>{problem.field}</code> : null} {problem.description}</li>)}
    </ul>
  );
}
