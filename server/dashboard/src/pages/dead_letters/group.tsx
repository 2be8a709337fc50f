// One group of dead letters: what they have in common, and the letters themselves when it is open.

import { useId, useState } from "preact/hooks";
import type { DeadLetter } from "../../api/types.js";
import { Icon } from "../../components/icon.js";
import { isNarrow } from "../../components/media.js";
import { Time } from "../../components/time.js";
import { VirtualTable, type Column } from "../../components/virtual_table.js";
import { Link, to } from "../../router.js";
import type { LetterGroup } from "../../store/letters.js";
import { LetterDialog } from "./letter.js";

export interface LetterActs {
  requeue: (letters: readonly DeadLetter[]) => void;
  discard: (letters: readonly DeadLetter[]) => void;
}

interface CardProps {
  group: LetterGroup;
  isOpen: boolean;
  toggle: () => void;
  acts: LetterActs;
}

export function GroupCard({ group, isOpen, toggle, acts }: CardProps) {
  const id = useId();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const chosen = group.letters.filter((letter) => selected.has(letter.dead_letter_id));
  const acting = chosen.length ? chosen : group.letters;
  return (
    <section class="card letter-group" aria-labelledby={id}>
      <header>
        <button type="button" class="group-toggle" aria-expanded={isOpen} onClick={toggle}>
          <Icon name={isOpen ? "down" : "right"} size={14} />
          <span class="group-count tone-bad">{group.letters.length.toLocaleString("en")}</span>
          <span class="two-lines" id={id}>
            <span>
              <strong>{group.type}</strong> <span class="muted">in</span> <span class="mono">{group.action}</span>
            </span>
            <span class="muted group-pattern">{group.pattern}</span>
          </span>
        </button>
        <span class="group-newest muted">
          <span class="newest-word">newest </span>
          <Time at={group.letters[0]?.create_time} />
        </span>
        <GroupActions acts={acts} letters={acting} isSelection={chosen.length > 0} />
      </header>
      {isOpen && <Letters group={group} selected={selected} setSelected={setSelected} acts={acts} />}
    </section>
  );
}

function GroupActions({ acts, letters, isSelection }: { acts: LetterActs; letters: readonly DeadLetter[]; isSelection: boolean }) {
  const what = isSelection ? `${letters.length} selected` : letters.length === 1 ? "" : "all";
  return (
    <div class="group-actions">
      <button type="button" class="button small" onClick={() => acts.requeue(letters)}>
        <Icon name="retry" size={14} />
        Requeue {what}
      </button>
      <button type="button" class="button small danger" onClick={() => acts.discard(letters)}>
        Discard {what}
      </button>
    </div>
  );
}

interface LettersProps {
  group: LetterGroup;
  selected: ReadonlySet<string>;
  setSelected: (ids: ReadonlySet<string>) => void;
  acts: LetterActs;
}

const SHOWN_ROWS = 10;

function Letters({ group, selected, setSelected, acts }: LettersProps) {
  const [shown, setShown] = useState<string>();
  const letter = group.letters.find((each) => each.dead_letter_id === shown);
  const rowHeight = isNarrow.value ? 68 : 44;
  const toggle = (id: string) => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setSelected(next);
  };
  const rows = Math.min(SHOWN_ROWS, group.letters.length);
  return (
    <div class="letters" style={{ "--rows-height": `${rows * rowHeight}px` }}>
      <VirtualTable
        label={`Dead letters: ${group.type} in ${group.action}`}
        class="letters-table"
        columns={columns(selected, toggle, setShown)}
        rows={group.letters}
        keyOf={(each) => each.dead_letter_id}
        rowHeight={rowHeight}
        isSelected={(each) => selected.has(each.dead_letter_id)}
      />
      {letter && <LetterDialog letter={letter} acts={acts} onClose={() => setShown(undefined)} />}
    </div>
  );
}

function columns(selected: ReadonlySet<string>, toggle: (id: string) => void, show: (id: string) => void): Column<DeadLetter>[] {
  return [
    {
      key: "pick",
      title: <span class="hidden">Selected</span>,
      cell: ({ dead_letter_id: id }) => (
        <label class="pick">
          <input type="checkbox" aria-label={`Select ${id}`} checked={selected.has(id)} onChange={() => toggle(id)} />
        </label>
      ),
    },
    {
      key: "message",
      title: "Message",
      cell: (letter) => (
        <button type="button" class="link-button ellipsis" onClick={() => show(letter.dead_letter_id)}>
          {letter.failure?.message || letter.reason || "No message"}
        </button>
      ),
    },
    {
      key: "run",
      title: "Run and step",
      cell: (letter) => (
        <span class="pair mono">
          <Link to={to.run(letter.run_id)}>{letter.run_id}</Link>
          <span class="muted ellipsis">{letter.step}</span>
        </span>
      ),
    },
    { key: "workflow", title: "Workflow", class: "ellipsis", cell: (letter) => letter.workflow },
    { key: "at", title: "Since", class: "ellipsis", cell: (letter) => <Time at={letter.create_time} /> },
  ];
}
