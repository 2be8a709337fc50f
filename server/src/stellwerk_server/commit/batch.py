"""One transaction as a pipeline of named steps over one record: gather, decide, write, commit.

Two round trips: what the rows say now, and everything that follows from it with the commit.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Container
from typing import Any, NamedTuple

from stellwerk_server.commit import children, code, mending
from stellwerk_server.commit.cache import RunCache
from stellwerk_server.commit.outcome import Applied, Committed, Outcome, Queued, Started, Voided
from stellwerk_server.commit.poll import Grant, Poll
from stellwerk_server.commit.rows import SQL, ChildRow, DeadRow, LeaseRow, ReadyRow, ResolvedRow, Rows, event_of
from stellwerk_server.commit.starts import Starts
from stellwerk_server.commit.waiting import Waiting
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.engine.decide import decide, start, unknown_run
from stellwerk_server.engine.evolve import evolve
from stellwerk_server.engine.run import Changes, Run, Step
from stellwerk_server.model import commands as c
from stellwerk_server.model import failure as failures
from stellwerk_server.model.definition import StepKind
from stellwerk_server.model.errors import StellwerkError
from stellwerk_server.model.events import SECOND, Event, Instant, TimerKind
from stellwerk_server.model.ids import IdSource
from stellwerk_server.model.states import DeadLetterState, RunState, StepState
from stellwerk_server.store.arrays import Int2s, Int4s, Int8s, Texts, Uuids
from stellwerk_server.store.database import Line

_LEASED = (c.CompleteStep, c.CompleteDecision, c.FailStep, c.ReleaseStep, c.ExpireLease)
_RESULTS = (c.CompleteStep, c.CompleteDecision, c.FailStep)
_END_REASON = {
    RunState.CANCELLED: "RUN_CANCELLED",
    RunState.TERMINATED: "RUN_TERMINATED",
    RunState.TIMED_OUT: "RUN_TIMED_OUT",
    RunState.FAILED: "RUN_FAILED",
    RunState.SUCCEEDED: "RUN_SUCCEEDED",
    RunState.CONTINUED: "RUN_CONTINUED",
}


class Poisoned(Exception):
    """A command made our own code fail: nothing was written; the rest of the batch goes again without it."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


_Promise = tuple[Poll, Run, Step, bytes, Instant | None]


class Context(NamedTuple):
    """What every batch of a lane works with."""

    cache: RunCache
    waiting: Waiting
    workflows: Workflows
    ids: IdSource
    lease_s: float
    key_ttl_s: float
    # How many commit lanes there are: a child run belongs to that of its parent.
    lanes: int
    # The trace context of a child run, from its parent's id, step and 0, and own context; None: the parent's own.
    trace_below: Callable[[int, str, int, str | None], dict[str, str]] | None = None
    # The build of a worker, as far as this instance knows.
    build_of: Callable[[str], str] = lambda worker: ""
    # Lanes of builds that runs stay on and a worker serves.
    live_pins: Container[int] = frozenset()


class _Answers(NamedTuple):
    """The cursors of the first round trip; None where nothing was asked."""

    keys: tuple[Any, Any, Any]
    locks: Any
    leases: Any
    timers: Any
    held: Any
    clock: Any


class Batch:
    """The commands of one transaction and what becomes of them."""

    def __init__(self, line: Line, context: Context, commands: list[c.Command]) -> None:
        self._line = line
        self._execute = line.execute
        self._context = context
        self._commands = commands
        self.outcomes: list[Outcome | None] = [None] * len(commands)
        self.committed = Committed()
        self._rows = Rows()
        self._starts = Starts(commands)
        self._runs: dict[int, Run] = {}
        self._locked: dict[int, int] = {}
        # Leases the batch holds, and where their rows are.
        self._leases: dict[tuple[int, str, bytes], tuple[c.Lease, bytes]] = {}
        self._leased: dict[tuple[int, str], c.Lease] = {}
        self._fired: set[tuple[int, str, int]] = set()
        self._grants: list[_Promise] = []
        # Steps that want a run of their own, and runs of that kind that have ended.
        self._wanted: deque[tuple[Run, Step]] = deque()
        self._ended_children: dict[int, tuple[Any, ...]] = {}
        # Of runs that are to be mended: what there is of them.
        self._found: dict[int, mending.Found] = {}

    async def run(self) -> None:
        """The whole transaction; on any exception nothing is durable and the caller must `abandon`."""
        await self._read(await self._ask())
        await self._catch_up()
        await self._read_children()
        await self._find_pins()
        await self._mend_runs()
        for index, command in enumerate(self._commands):
            if self.outcomes[index] is None:
                self._decide(index, command)
        await self._bear()
        await self._starts.write(self._execute)
        voided = await self._rows.write(self._execute, self.committed.now)
        await self._line.commit()
        await self._conclude(voided)

    def abandon(self) -> None:
        """Undo what was only in memory: cached runs are folded anew, reserved polls wait again."""
        for run_id in self._runs:
            self._context.cache.drop(run_id)
        for poll, *_ in self._grants:
            poll.give_back()

    # gather: lock the runs, take the leases and timers, all in one round trip

    async def _ask(self) -> _Answers:
        execute = self._execute
        keys = await self._starts.ask(execute, self._context.key_ttl_s)
        locks = await self._lock_runs()
        leases, timers, held = await self._take()
        return _Answers(keys, locks, leases, timers, held, await execute(SQL.clock))

    async def _read(self, answers: _Answers) -> None:
        row = await answers.clock.fetchone()
        self.committed.now = row[0]
        await self._starts.read(answers.keys)
        if answers.locks is not None:
            for run_id, seq in await answers.locks.fetchall():
                self._locked[run_id] = seq
        if answers.leases is not None:
            for run_id, step, token, worker, leased_at, place in await answers.leases.fetchall():
                self._leases[run_id, step, token] = (c.Lease(worker, leased_at), place)
        if answers.timers is not None:
            self._fired = set(await answers.timers.fetchall())
        if answers.held is not None:
            for run_id, step, worker, leased_at in await answers.held.fetchall():
                self._leased[run_id, step] = c.Lease(worker, leased_at)

    async def _lock_runs(self) -> Any:
        ids = {command.run_id for command in self._commands if not isinstance(command, c.StartRun)}
        return await self._execute(SQL.lock_runs, {"runs": Int8s(ids)}) if ids else None

    async def _take(self) -> tuple[Any, Any, Any]:
        execute = self._execute
        tokens = [command for command in self._commands if isinstance(command, _LEASED)]
        fires = [command for command in self._commands if isinstance(command, c.FireTimer)]
        leases = timers = held = None
        if tokens:
            # In order, as `extend_leases` takes them, so that the two never wait for each other.
            tokens.sort(key=lambda command: (command.run_id, command.step))
            columns = {
                "runs": Int8s([x.run_id for x in tokens]),
                "steps": Texts([x.step for x in tokens]),
                "attempts": Int4s([x.attempt for x in tokens]),
                "tokens": Uuids([x.token for x in tokens]),
            }
            leases = await execute(SQL.lock_leases, columns)
        if fires:
            places = {"runs": Int8s([x.run_id for x in fires]), "steps": Texts([x.step for x in fires])}
            timers = await execute(SQL.take_timers, {**places, "kinds": Int2s([x.kind for x in fires])})
            if any(x.kind is TimerKind.STEP_START for x in fires):
                await execute(SQL.hold_ready, places)
                held = await execute(SQL.read_leases, places)
        return leases, timers, held

    # catch up: fold what other servers, or a lost cache, left behind

    async def _catch_up(self) -> None:
        behind: dict[int, int] = {}
        for run_id, seq in self._locked.items():
            run = self._context.cache.get(run_id)
            if run is None or run.seq > seq:
                behind[run_id] = 0
            else:
                self._runs[run_id] = run
                if run.seq < seq:
                    behind[run_id] = run.seq
        if not behind:
            return
        await self._load_headers([run_id for run_id, seq in behind.items() if seq == 0])
        columns = {"runs": Int8s(behind), "after": Int4s(behind.values())}
        cursor = await self._execute(SQL.read_events, columns)
        for row in await cursor.fetchall():
            evolve(self._runs[row[0]], event_of(row[1:]))
        for run_id in behind:
            run = self._runs[run_id]
            for step in run.take_changes().touched.values():
                step.stored = True

    async def _load_headers(self, run_ids: list[int]) -> None:
        if not run_ids:
            return
        cursor = await self._execute(SQL.read_run, {"runs": Int8s(run_ids)})
        for run_id, workflow_id, input, key, request_id, trace, forked_from, deadline in await cursor.fetchall():
            workflow = await self._context.workflows.by_id(workflow_id)
            run = Run(run_id, workflow, input)
            run.idempotency_key, run.request_id, run.trace = key, request_id, trace
            run.forked_from, run.deadline = forked_from, deadline
            run.stored = True
            self._runs[run_id] = run

    async def _read_children(self) -> None:
        """How the runs have ended that steps of this batch wait for; those rows change no more."""
        waiting = [children.awaited(x, self._runs.get(x.run_id)) for x in self._commands if isinstance(x, c.FireTimer)]
        found = [child for child in waiting if child is not None]
        while found:
            cursor = await self._execute(SQL.read_ends, {"runs": Int8s(found)})
            ended = {row[0]: row[1:] for row in await cursor.fetchall()}
            self._ended_children |= ended
            # A run that was continued has not ended: look at the one that goes on.
            found = [code.successor(row[1]) for row in ended.values() if row[0] == RunState.CONTINUED]

    async def _find_pins(self) -> None:
        """The lanes of the builds that runs stay on from their first decision."""
        for index, command in enumerate(self._commands):
            run = self._runs.get(command.run_id)
            if isinstance(command, c.CompleteDecision) and command.pin and run is not None and run.code is not None:
                self._commands[index] = command._replace(
                    pin_lane=await code.pin_lane(run, command, self._context.workflows)
                )

    async def _mend_runs(self) -> None:
        """Before anything else is decided: the tables are then still what the history should have made of them."""
        asked = [index for index, command in enumerate(self._commands) if isinstance(command, c.MendRun)]
        if asked:
            runs = [self._runs[x] for x in {self._commands[index].run_id for index in asked} if x in self._runs]
            self._found = await mending.look(self._execute, runs)
            for index in asked:
                self._decide(index, self._commands[index])

    # decide: one command after the other, each answered alone

    def _decide(self, index: int, command: c.Command) -> None:
        try:
            self.outcomes[index] = self._start(command) if isinstance(command, c.StartRun) else self._apply(command)
        except StellwerkError as refused:
            self.outcomes[index] = refused
            self.committed.fenced += refused.reason == "LEASE_LOST" and isinstance(command, _RESULTS)
        except Exception as error:
            raise Poisoned(index) from error

    def _start(self, command: c.StartRun) -> Outcome:
        known = self._starts.known(command)
        if known is not None:
            return known
        run, events = start(command, self.committed.now)
        self._runs[run.id] = run
        self._note(run, events)
        return Started(run.id, False, self._starts.expires_at(command))

    def _apply(self, command: c.Command) -> Outcome:
        run = self._runs.get(command.run_id)
        if run is None:
            raise unknown_run(command)
        lease, place = None, None
        if isinstance(command, _LEASED):
            # Two commands with one token in one batch: the first takes the lease, as it would in two batches.
            lease, place = self._leases.pop((command.run_id, command.step, command.token), (None, None))
        elif isinstance(command, c.FireTimer):
            if (command.run_id, command.step, command.kind) not in self._fired:
                return Applied(run.state, False)
            lease = self._leased.get((command.run_id, command.step))
            if run.state is RunState.CONTINUED and command.kind in children.CLOSES.values():
                self._set_timer(code.successor(run.output), "", command.kind)
                return Applied(run.state, True)
            if command.kind is TimerKind.CHILD_ENDED:
                news = children.news(command, children.awaited(command, run), self._ended_children)
                if news is None:
                    return Applied(run.state, False)
                command = news
        elif isinstance(command, c.MendRun):
            return self._mend(run, command)
        if isinstance(command, c.CompleteDecision):
            return self._apply_decision(run, command, lease, place)
        events = decide(run, command, lease, self.committed.now)
        if place is not None:
            self._rows.taken.append(place)
        self._resolve_dead_letter(command, events)
        self._note(run, events)
        return Applied(run.state, bool(events))

    def _apply_decision(self, run: Run, command: c.CompleteDecision, lease: c.Lease | None, place: Any) -> Outcome:
        command = code.with_successor(command, lambda: children.sibling_id(run, self._context))
        came_in = code.came_in(run, command)
        events = decide(run, command, lease, self.committed.now)
        if place is not None:
            if command.keep:
                # More results may come with the same token, in this very batch.
                self._leases[command.run_id, command.step, command.token] = (lease, place)  # type: ignore[assignment]
            else:
                self._rows.taken.append(place)
        self._note(run, events)
        if run.state is RunState.CONTINUED and events:
            self._continue(run, command)
        return code.verdict(run, command, events, came_in)

    def _continue(self, run: Run, command: c.CompleteDecision) -> None:
        """The run that goes on begins in the transaction that ends this one, in its place."""
        successor = code.successor_start(run, command)
        self._start(successor)
        if run.child_of is not None:
            self._rows.children.append(ChildRow(successor.run_id, run.child_of.run_id, run.child_of.step))

    def _mend(self, run: Run, command: c.MendRun) -> Outcome:
        found = self._found.pop(run.id, None)
        if found is None:
            # Somebody else asked for the same in this batch.
            return Applied(run.state, False)
        events = decide(run, command._replace(standing=found.standing), None, self.committed.now)
        changes = run.changes
        missing = bool(events or changes.scheduled or changes.timers_set)
        self._note(run, events)
        news, names = mending.lost_news(run, found), mending.lost_names(run, found)
        for step in news:
            self._set_timer(run.id, step, TimerKind.CHILD_ENDED)
        self._rows.children.extend(names)
        return Applied(run.state, missing or bool(news or names))

    def _resolve_dead_letter(self, command: c.Command, events: list[Event]) -> None:
        if not events:
            return
        if isinstance(command, c.RequeueStep):
            row = (command.run_id, command.step, command.attempt, DeadLetterState.REQUEUED, command.run_id)
            self._rows.resolved.append(ResolvedRow(*row))
        elif isinstance(command, c.DiscardStep):
            discarded = (command.run_id, command.step, command.attempt, DeadLetterState.DISCARDED)
            self._rows.resolved.append(ResolvedRow(*discarded, None))

    def _note(self, run: Run, events: list[Event]) -> None:
        rows = self._rows
        if events:
            rows.runs[run.id] = run
            run_id = run.id
            rows.events.extend([(run_id, event) for event in events])
            self.committed.events.append((run, events))
            if run.state.terminal:
                self.committed.ended.append(run)
                if run.child_of is not None:
                    self._set_timer(run.child_of.run_id, run.child_of.step, TimerKind.CHILD_ENDED)
        changes = run.take_changes()
        for key, step in changes.touched.items():
            rows.steps[run.id, key] = (run, step)
        if changes.timers_set or changes.timers_cleared:
            self._note_timers(run, changes)
        for step, reason in changes.dead:
            rows.dead.append(self._dead_row(run, step, reason))
        if run.code is not None:
            code.note(rows, run, changes, self._context.build_of)
        if changes.voided:
            rows.voided.extend([(run.id, key) for key in changes.voided])
            self._withdraw(run, frozenset(changes.voided))
        if changes.ended:
            rows.ended_runs.append(run.id)
            heard = children.CLOSES.values()
            rows.timers_set = {key: due for key, due in rows.timers_set.items() if key[0] != run.id or key[2] in heard}
            self._withdraw(run, None)
        for step in changes.orphans:
            kind = children.CLOSES.get(step.definition.parent_close)
            if kind is not None and step.child is not None:
                self._set_timer(step.child, "", kind)
        for step in changes.scheduled.values():
            if step.definition.kind is StepKind.WORKFLOW:
                self._wanted.append((run, step))
            else:
                self._hand_out(run, step)

    def _set_timer(self, run_id: int, step: str, kind: TimerKind) -> None:
        """Send a message to another run: a timer that is due at once."""
        self._rows.timers_set[run_id, step, kind] = self.committed.now
        self.committed.timers.append((run_id, step, kind, self.committed.now))

    async def _bear(self) -> None:
        """Make the child runs that were asked for, and those that they ask for."""
        while self._wanted:
            run, step = self._wanted.popleft()
            if step.state is not StepState.READY or run.state.terminal:
                continue
            outcome: c.ChildCommand
            try:
                command = await children.start(run, step, self._context)
            except StellwerkError as error:
                outcome = children.refused(run, step, error)
            else:
                self._start(command)
                self._rows.children.append(ChildRow(command.run_id, run.id, step.key))
                outcome = c.ChildStarted(run.id, step.key, command.run_id)
            self._note(run, decide(run, outcome, None, self.committed.now))

    def _note_timers(self, run: Run, changes: Changes) -> None:
        rows = self._rows
        for step, kind in changes.timers_cleared:
            rows.timers_set.pop((run.id, step, kind), None)
            rows.timers_cleared.add((run.id, step, kind))
        for (step, kind), due_at in changes.timers_set.items():
            rows.timers_set[run.id, step, kind] = due_at
            self.committed.timers.append((run.id, step, kind, due_at))

    def _withdraw(self, run: Run, steps: frozenset[str] | None) -> None:
        """What this batch queued or leased of these steps (None: of the whole run) must not be written."""

        def stays(run_id: int, step: str) -> bool:
            return run_id != run.id or (steps is not None and step not in steps)

        rows = self._rows
        rows.ready = [row for row in rows.ready if stays(row.run, row.step)]
        rows.leases = [row for row in rows.leases if stays(row.run, row.step)]
        for grant in [g for g in self._grants if not stays(g[1].id, g[2].key)]:
            self._grants.remove(grant)
            grant[0].give_back()

    def _hand_out(self, run: Run, step: Step) -> None:
        """Lease the step to a waiting poll in this very transaction, or queue it."""
        definition = step.definition
        lane = run.workflow.lanes[definition.index] if definition.lane is None else definition.lane
        attempt_s = definition.timeout.attempt_s
        prefer = None
        if run.code is not None and definition.kind is StepKind.DECISION:
            prefer, pin = run.code.decider, run.code.pin_lane
            if pin is not None and (pin in self._context.live_pins or self._context.waiting.room(pin)):
                lane = pin
        poll = self._context.waiting.reserve(lane, prefer)
        if poll is None:
            rank, number = -definition.priority, self._context.ids.next()
            self._rows.ready.append(ReadyRow(run.id, step.key, step.attempt, lane, rank, number, attempt_s))
            queued = self.committed.queued
            count, first = queued.get(lane, (0, (rank, number)))
            queued[lane] = Queued(count + 1, min(first, (rank, number)))
            return
        now = self.committed.now
        expires_at = now + int(self._context.lease_s * SECOND)
        deadline = None if attempt_s is None else now + int(attempt_s * SECOND)
        if deadline is not None and deadline < expires_at:
            expires_at = deadline
        secret = os.urandom(16)
        self._rows.leases.append(
            LeaseRow(run.id, step.key, step.attempt, secret, poll.worker, lane, expires_at, deadline)
        )
        self._grants.append((poll, run, step, secret, deadline))

    def _dead_row(self, run: Run, step: Step, reason: str) -> DeadRow:
        definition = step.definition
        assert step.failure is not None
        return DeadRow(
            self._context.ids.next(),
            run.workflow.namespace_id,
            run.workflow.id,
            run.id,
            step.key,
            step.attempt,
            definition.queue,
            definition.action,
            reason,
            failures.to_json(step.failure),
            step.input,
        )

    # conclude: what is durable now

    async def _conclude(self, cursors: list[Any]) -> None:
        committed = self.committed
        for poll, run, step, secret, deadline in self._grants:
            task = (run.id, step.key, step.attempt, secret, step.definition.action)
            retry, value = step.definition.retry, step.input or run.input
            grant = Grant(poll.worker, *task, retry.max_attempts, run.workflow, value, deadline, run.trace)
            if run.code is not None and step.definition.kind is StepKind.DECISION:
                grant = code.decision_grant(grant, run)
            committed.grants.append((poll, grant))
        for cursor in cursors:
            for run_id, step_key, attempt, token, worker in await cursor.fetchall():
                run = self._runs[run_id]
                known = run.steps.get(step_key)
                given_up = known is not None and known.state is StepState.CANCELLED
                reason = _END_REASON.get(run.state, "STEP_CANCELLED" if given_up else "STEP_TIMED_OUT")
                committed.voided.append(Voided(worker, run_id, step_key, attempt, token, reason))
        for run in self._runs.values():
            self._context.cache.keep(run)
        self._context.cache.trim()
