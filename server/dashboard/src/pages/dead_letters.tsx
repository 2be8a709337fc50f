// Dead letters in groups of the same trouble. A group opens to its letters, a letter to its failure and input.

import { useMemo, useState } from "preact/hooks";
import type { Api } from "../api/client.js";
import type { DeadLetter } from "../api/types.js";
import { BulkDialog, type BulkAction } from "../components/bulk_dialog.js";
import { Empty, ErrorNotice, Notice, SkeletonRows } from "../components/feedback.js";
import { Page } from "../components/page.js";
import { Link, usePlace } from "../router.js";
import { useSession } from "../session.js";
import { groupsOf, type LetterGroup } from "../store/letters.js";
import { leaving, LETTERS_MOST, useLetters } from "../store/use_letters.js";
import { plural } from "./overview/concerns.js";
import { GroupCard, type LetterActs } from "./dead_letters/group.js";

export function DeadLettersPage() {
  const { query } = usePlace();
  const { api } = useSession();
  const filter = filterOf(query);
  const { letters, error, isCut, reload } = useLetters(filter);
  const [action, setAction] = useState<BulkAction>();
  const open = letters?.filter((letter) => leaving.get(letter.dead_letter_id) === undefined);
  const groups = useMemo(() => groupsOf(open ?? []), [letters, leaving.changes.value]);
  const acts: LetterActs = {
    requeue: (chosen) => setAction(requeueing(chosen, api)),
    discard: (chosen) => setAction(discarding(chosen, api)),
  };
  const onDone = () => setAction(undefined);
  const aside = open && <span class="muted">{plural(open.length, "open letter")}</span>;
  return (
    <Page title="Dead letters" aside={aside}>
      <FilterNote filter={filter} />
      {error && <ErrorNotice error={error} retry={reload} />}
      {isCut && (
        <Notice tone="info">These are the newest {LETTERS_MOST.toLocaleString("en")}. Older ones come when some of these are decided.</Notice>
      )}
      {open ? <Groups groups={groups} acts={acts} /> : !error && <div class="card">{<SkeletonRows count={6} />}</div>}
      {action && <BulkDialog action={action} onDone={onDone} />}
    </Page>
  );
}

function filterOf(query: URLSearchParams): { run_id?: string; workflow?: string } {
  const runId = query.get("run_id");
  const workflow = query.get("workflow");
  return { ...(runId ? { run_id: runId } : {}), ...(workflow ? { workflow } : {}) };
}

function FilterNote({ filter }: { filter: { run_id?: string; workflow?: string } }) {
  const of = filter.run_id ? `run ${filter.run_id}` : filter.workflow ? `workflow ${filter.workflow}` : "";
  if (!of) return null;
  return (
    <Notice tone="info" icon="filter" action={<Link to="/dead-letters">Show all</Link>}>
      Only those of {of}
    </Notice>
  );
}

function Groups({ groups, acts }: { groups: LetterGroup[]; acts: LetterActs }) {
  const [opened, setOpened] = useState<string>();
  if (groups.length === 0) {
    return (
      <div class="card">
        <Empty icon="check" title="No dead letters">
          <p>A step whose attempts are exhausted comes here, and its run waits or ends as its definition says.</p>
        </Empty>
      </div>
    );
  }
  return (
    <ul class="stack-gap">
      {groups.map((group) => (
        <li key={group.key}>
          <GroupCard
            group={group}
            isOpen={opened === group.key || groups.length === 1}
            toggle={() => setOpened(opened === group.key ? undefined : group.key)}
            acts={acts}
          />
        </li>
      ))}
    </ul>
  );
}

function requeueing(letters: readonly DeadLetter[], api: Api): BulkAction {
  const count = plural(letters.length, "dead letter");
  return {
    title: `Requeue ${count}?`,
    verb: "Requeue",
    text: "A blocked run goes on with a fresh set of attempts; a run that has ended gets a fork that goes on.",
    keys: letters.map((letter) => letter.dead_letter_id),
    act: (id) => leaving.act(id, "REQUEUED", () => api.requeue(id)),
  };
}

function discarding(letters: readonly DeadLetter[], api: Api): BulkAction {
  const count = plural(letters.length, "dead letter");
  return {
    title: `Discard ${count}?`,
    verb: "Discard",
    isDanger: true,
    asksReason: true,
    text: "Nobody tries these steps again. A run that is blocked by one fails.",
    keys: letters.map((letter) => letter.dead_letter_id),
    act: (id, reason) => leaving.act(id, "DISCARDED", () => api.discard(id, reason)),
  };
}
