"""Says what a run waits for, from the rows and predicates that hand-outs go by. Changes nothing and never guesses."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from time import time_ns
from typing import Any

from stellwerk_server.commit.code import successor
from stellwerk_server.commit.committer import Committer
from stellwerk_server.commit.waiting import Waiting
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.dispatch import causes as words
from stellwerk_server.dispatch.causes import Cause, Kind, clock
from stellwerk_server.model import failure as failures
from stellwerk_server.model import ids
from stellwerk_server.model.code import DECISION_RETRY, WORKFLOW, action_of, step_definition
from stellwerk_server.model.definition import OnFailure, StepDefinition, StepKind, WorkflowDefinition
from stellwerk_server.model.events import Instant
from stellwerk_server.model.states import RunState
from stellwerk_server.store import explained, runs
from stellwerk_server.store.database import GONE, Pool
from stellwerk_server.store.explained import Decision, Explained, ExplainedRun, Lane, Lost, Wait

MOST_CAUSES = 20
# How long the database has to give a connection before it is taken for gone; less when it was gone a moment ago.
_PATIENCE_S, _DOWN_PATIENCE_S = 2.0, 0.2


@dataclass(frozen=True, slots=True)
class Explanation:
    """A run and what it waits for, most telling first; never without a cause. `more` were left out."""

    run_id: int
    state: RunState | None
    now: Instant
    deadline: Instant | None
    causes: Sequence[Cause]
    more: int = 0

    @property
    def summary(self) -> str:
        """The first cause, and how many others there are."""
        others = len(self.causes) + self.more - 1
        return self.causes[0].sentence + (f" (and {words.counted(others, 'other cause')})" if others else "")


class Explainer:
    """Explains runs to whoever asks this instance, which knows the polls that wait at it."""

    def __init__(
        self,
        pool: Pool,
        workflows: Workflows,
        waiting: Waiting,
        committer: Committer,
        database_up: Callable[[], bool] = lambda: True,
    ) -> None:
        self._pool = pool
        self._workflows = workflows
        self._waiting = waiting
        self._committer = committer
        self._database_up = database_up

    async def explain(self, namespace: str, run_id: int) -> Explanation | None:
        """What the run waits for, or how it has ended; None when this namespace has none of that id."""
        polled = set(self._waiting.with_room())
        patience_s = _PATIENCE_S if self._database_up() else _DOWN_PATIENCE_S
        try:
            async with self._pool.connection(timeout=patience_s) as connection, connection.transaction():
                await runs.snapshot(connection)
                found = await explained.read(connection, namespace, run_id, polled)
            return None if found is None else await self._explanation(found, polled)
        except GONE as error:
            return self._without_database(namespace, run_id, error)

    async def _explanation(self, found: Explained, polled: Collection[int]) -> Explanation:
        run, state = found.run, RunState(found.run.state)
        if state.terminal:
            return Explanation(run.id, state, run.now, run.deadline, [_ended(run)])
        workflow = await self._workflows.by_id(run.workflow_id)
        children = {each: await self._explanation(child, polled) for each, child in (found.children or {}).items()}
        looked = Look(found, workflow.definition, children, polled)
        causes = sorted(looked.causes(), key=lambda cause: cause.order)
        more = len(causes) - MOST_CAUSES + looked.unread
        return Explanation(run.id, state, run.now, run.deadline, causes[:MOST_CAUSES], max(0, more))

    def _without_database(self, namespace: str, run_id: int, error: BaseException) -> Explanation:
        state = self._committer.state_here(run_id, namespace)
        last = "" if state is None else f"; when it was last seen here it was {state.name}"
        reason = words.short(str(error)) or type(error).__name__
        sentence = f"this server has no database ({reason}), so nothing moves{last}"
        cause = Cause(kind=Kind.DATABASE_DOWN, sentence=sentence, reason=reason)
        return Explanation(run_id, state, time_ns() // 1_000, None, [cause])


class Look:
    """One look at an open run: each row of what was read becomes a cause."""

    def __init__(
        self,
        found: Explained,
        definition: WorkflowDefinition,
        children: Mapping[int, Explanation],
        polled: Collection[int],
    ) -> None:
        self._found = found
        self._run = found.run
        self._definition = definition
        self._children = children
        self._polled = polled
        # Rows that were not even read.
        self.unread = sum({wait.what: wait.found for wait in found.waits}.values()) - len(found.waits)

    def causes(self) -> list[Cause]:
        """All of them, in no order; one that says STALLED when there is no other."""
        made = [cause for wait in self._found.waits for cause in self._of(wait)]
        if self._found.decision is not None:
            made += self._of_code(self._found.decision)
        if self._run.told:
            made.append(Cause(kind=Kind.NEWS, sentence="news of its parent's end is on its way to it"))
        if self._run.state == RunState.BLOCKED and not any(cause.kind is Kind.DEAD_LETTER for cause in made):
            made.append(self._parked())
        lost = self._found.lost
        if lost is not None or not made:
            lost = lost or Lost(None, None, False)
            if not any(cause.kind is Kind.STALLED and cause.step == lost.step for cause in made):
                made.append(_stalled(lost))
        return made

    def _of(self, wait: Wait) -> list[Cause]:
        defined = self._defined(wait)
        if wait.what == "DEAD" and (defined.on_failure is not OnFailure.PARK or self._run.state != RunState.BLOCKED):
            # It did not hold the run.
            return []
        if wait.what == "LOST" or (wait.what == "SIGNAL" and defined.kind is not StepKind.SIGNAL):
            return [_stalled(Lost(wait.key, wait.state, wait.timed), wait.alike)]
        of_step = _Step(wait, defined)
        if wait.what == "QUEUED":
            assert wait.number is not None
            return [self._queued(of_step.who, wait.number, since=wait.moment, **of_step.facts)]
        if wait.what == "CHILD":
            return [self._child(of_step)]
        return [_OF_STEP[wait.what](of_step)]

    def _defined(self, wait: Wait) -> StepDefinition:
        if wait.definition is None:
            return self._definition.steps[wait.position]
        return step_definition(wait.key, wait.position, json.loads(wait.definition))

    def _queued(self, who: str, number: int, **facts: Any) -> Cause:
        """A task that waits for a worker, by the lane its row stands in."""
        lane = (self._found.lanes or {})[number]
        polled = lane.lane in self._polled
        facts |= {"queue": lane.queue, "action": lane.action, "ahead": lane.ahead}
        facts |= {"workers": lane.workers, "slots": lane.slots, "busy": lane.busy}
        many = facts["steps"] > 1
        waits = f"{who} {'wait' if many else 'waits'}"
        if not polled and not lane.workers:
            return self._unserved(waits, lane, facts)
        before = f", after {'at least ' * (lane.ahead >= explained.MOST)}{words.counted(lane.ahead, 'other task')}"
        before = before if lane.ahead else ""
        # What a worker decides besides takes none of the slots of its handlers.
        decides = lane.action.startswith(WORKFLOW)
        if not polled and not decides and lane.busy >= lane.slots:
            sentence = f"{waits} for a free slot{before}: {_slots(lane)}"
            return Cause(kind=Kind.WORKERS_BUSY, sentence=sentence, **facts)
        taker = f"a worker asks for {_place(lane)}" if polled else _serving(lane) if decides else _slots(lane)
        sentence = f"{who} {'are on their' if many else 'is on its'} way{before}: {taker}"
        return Cause(kind=Kind.QUEUED, sentence=sentence, **facts)

    def _unserved(self, waits: str, lane: Lane, facts: dict[str, Any]) -> Cause:
        nobody = words.Nobody(lane.queue, lane.action, self._found.served)
        facts |= {"seen_at": nobody.seen_at, "other_queues": nobody.other_queues, "similar": nobody.similar}
        return Cause(kind=Kind.NO_WORKER, sentence=f"{waits}: {nobody.clause}", **facts)

    def _child(self, step: _Step) -> Cause:
        wait = step.wait
        assert wait.child is not None
        child = self._children.get(wait.child)
        state = RunState(wait.child_state or 0)
        summary = "" if child is None else child.summary
        sentence = f"{step.waits}: {words.no_end(wait.child)}, it is {state.name}{': ' * bool(summary)}{summary}"
        return Cause(
            kind=Kind.CHILD_RUN,
            sentence=sentence,
            since=wait.moment,
            child=wait.child,
            child_state=state,
            child_summary=summary,
            child_order=None if child is None else child.causes[0].order,
            **step.facts,
        )

    def _of_code(self, decision: Decision) -> list[Cause]:
        """Where the run's code stands: waiting to be asked, being asked, or to be asked again."""
        made: list[Cause] = []
        facts: dict[str, Any] = {"action": action_of(self._run.workflow), "max_attempts": DECISION_RETRY.max_attempts}
        if decision.number is not None:
            made.append(self._queued("its code", decision.number, since=decision.queued_at, steps=0))
        elif decision.worker is not None:
            held = f"its code is being asked: worker {decision.worker} has it since {clock(decision.leased_at or 0)}"
            leased = {"since": decision.leased_at, "attempt": decision.held_attempt or 0, **facts}
            made.append(Cause(kind=Kind.LEASED, sentence=held, worker=decision.worker, **leased))
        elif decision.due_at is not None:
            attempt = (decision.failed_attempt or 0) + 1
            again = (
                f"its code is asked again at {clock(decision.due_at)}, {_attempt(attempt, DECISION_RETRY.max_attempts)}"
            )
            again += _after(decision.failure)
            due = {"due_at": decision.due_at, "attempt": attempt, "failure": decision.failure, **facts}
            made.append(Cause(kind=Kind.BACKING_OFF, sentence=again, **due))
        if decision.cancel_at is not None:
            why = _reason(decision.cancel)
            told = f"a cancel was asked for at {clock(decision.cancel_at)}{_in_brackets(why)}"
            told += ": its code is told and decides how it ends"
            made.append(Cause(kind=Kind.CANCELLING, sentence=told, since=decision.cancel_at, reason=why))
        return made

    def _parked(self) -> Cause:
        reason, build = self._run.block_reason or "", self._run.build or ""
        by = f" (build {build!r})" if build else ""
        how = "start a worker of another build, or resume it" if self._run.decided is not None else "nobody says why"
        sentence = f"it is parked{by}: {words.short(reason) or 'without a reason'}; {how}"
        return Cause(kind=Kind.PARKED, sentence=sentence, reason=reason, build=build)


class _Step:
    """One row of open steps as sentences name it, with the facts every cause of it has."""

    def __init__(self, wait: Wait, defined: StepDefinition) -> None:
        self.wait = wait
        self.defined = defined
        self.who = f"step {wait.key}"
        if wait.alike > 1:
            items = wait.key != defined.id and wait.definition is None
            number = f"{wait.alike:,}"
            self.who = f"{number} items of step {defined.id}" if items else f"{number} steps such as {wait.key}"
        self.waits = f"{self.who} {'waits' if wait.alike == 1 else 'wait'}"
        # What a requeue has given it counts on top.
        self.max_attempts = defined.retry.max_attempts + (wait.base or 0)
        self.facts: dict[str, Any] = {"step": wait.key, "steps": wait.alike, "timeout_at": wait.timeout_at}
        if wait.attempt:
            self.facts |= {"attempt": wait.attempt, "max_attempts": self.max_attempts}

    @property
    def place(self) -> dict[str, str]:
        """Action and queue of one that is handed out."""
        defined = self.defined
        return {"action": defined.action, "queue": defined.queue} if defined.kind is StepKind.ACTION else {}


def _held(step: _Step) -> Cause:
    wait = step.wait
    since = clock(wait.moment or 0)
    sentence = f"{step.who} {_are(wait.alike)} at work: worker {wait.worker} has {_it(wait)} since {since}"
    sentence += f" ({_attempt(wait.attempt, step.max_attempts)})"
    limits = [limit for limit in (wait.deadline, wait.timeout_at) if limit is not None]
    facts = {**step.facts, **step.place, "timeout_at": min(limits, default=None)}
    return Cause(kind=Kind.LEASED, sentence=sentence, since=wait.moment, worker=wait.worker or "", **facts)


def _backs_off(step: _Step) -> Cause:
    wait = step.wait
    attempt = wait.attempt + 1
    sentence = (
        f"{step.who} {'backs' if wait.alike == 1 else 'back'} off: {_attempt(attempt, step.max_attempts)} follows"
    )
    sentence += f" at {clock(wait.moment or 0)}{_after(wait.failure)}"
    facts = {**step.facts, **step.place, "attempt": attempt, "due_at": wait.moment, "failure": wait.failure}
    return Cause(kind=Kind.BACKING_OFF, sentence=sentence, **facts)


def _sleeps(step: _Step) -> Cause:
    sleeps = "sleeps" if step.wait.alike == 1 else "sleep, the first"
    sentence = f"{step.who} {sleeps} until {clock(step.wait.moment or 0)}"
    return Cause(kind=Kind.TIMER, sentence=sentence, due_at=step.wait.moment, **step.facts)


def _awaits(step: _Step) -> Cause:
    signal, limit = step.defined.signal, step.wait.timeout_at
    until = "" if limit is None else f", it is given up at {clock(limit)}"
    sentence = f"{step.waits}: {words.no_signal(signal)}{until}"
    return Cause(kind=Kind.SIGNAL, sentence=sentence, since=step.wait.moment, signal=signal, **step.facts)


def _told(step: _Step) -> Cause:
    child = step.wait.child
    sentence = f"{step.waits}: news of the end of its run{'' if child is None else ' ' + ids.show(child)} is on its way"
    return Cause(kind=Kind.NEWS, sentence=sentence, child=child, **step.facts)


def _dead(step: _Step) -> Cause:
    wait = step.wait
    them = "it" if wait.alike == 1 else "each of them"
    sentence = f"{step.who} {_are(wait.alike)} in the dead letters ({wait.reason}): requeue or discard {them}"
    sentence += _after(wait.failure)
    facts = {**step.facts, **step.place, "since": wait.moment, "reason": wait.reason or "", "failure": wait.failure}
    return Cause(kind=Kind.DEAD_LETTER, sentence=sentence, letter=wait.letter, **facts)


_OF_STEP = {"HELD": _held, "RETRY": _backs_off, "SLEEP": _sleeps, "SIGNAL": _awaits, "NEWS": _told, "DEAD": _dead}


def _place(lane: Lane) -> str:
    return f"{words.served_name(lane.action)} on queue {lane.queue!r}"


def _serving(lane: Lane) -> str:
    """Who serves it."""
    one = lane.workers == 1
    return f"{words.counted(lane.workers, 'worker')} {'serves' if one else 'serve'} {_place(lane)}"


def _slots(lane: Lane) -> str:
    """Who serves it, and how busy they are."""
    return f"{_serving(lane)} and {'has' if lane.workers == 1 else 'have'} {lane.busy} of {lane.slots} slots taken"


def _stalled(lost: Lost, steps: int = 0) -> Cause:
    missing = words.missing(lost)
    sentence = f"nothing will move it: {missing}"
    count = steps or int(lost.step is not None)
    return Cause(kind=Kind.STALLED, sentence=sentence, step=lost.step or "", steps=count, reason=missing)


def _ended(run: ExplainedRun) -> Cause:
    state, at = RunState(run.state), clock(run.ended_at or 0)
    why = _reason(run.about)
    if state is RunState.CONTINUED and run.output is not None:
        why = ids.show(successor(run.output))
        sentence = f"it has ended at {at} and goes on as {why}"
    elif run.failure is not None:
        failure = failures.from_json(run.failure)
        where = f" (step {failure.step}, attempt {failure.attempt})" if failure.step else ""
        sentence = f"it has ended as {state.name} at {at}: {words.failed(run.failure)}{where}"
    else:
        sentence = f"it has ended as {state.name} at {at}{_in_brackets(why)}"
    return Cause(kind=Kind.ENDED, sentence=sentence, since=run.ended_at, reason=why, failure=run.failure)


def _reason(data: str | None) -> str:
    """The reason somebody gave, as the event keeps it."""
    return str(json.loads(data).get("reason") or "") if data else ""


def _in_brackets(reason: str) -> str:
    return f" ({words.short(reason)})" if reason else ""


def _after(failure: str | None) -> str:
    return f", after {words.failed(failure)}" if failure is not None else ""


def _attempt(number: int, most: int) -> str:
    return f"attempt {number} of {most}"


def _are(number: int) -> str:
    return "is" if number <= 1 else "are"


def _it(wait: Wait) -> str:
    return "it" if wait.alike == 1 else "them"
