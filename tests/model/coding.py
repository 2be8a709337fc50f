"""Code, played by a test: what its workers hold and have seen, and what it may want. No rules yet."""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

from stellwerk_server import definition
from stellwerk_server.commit.outcome import Decided
from stellwerk_server.commit.poll import Grant
from stellwerk_server.model import code as m
from stellwerk_server.model import commands as c
from stellwerk_server.model.failure import Failure
from stellwerk_server.model.payload import from_value
from stellwerk_server.model.states import StepState
from stellwerk_server.store import workflows as workflow_rows
from tests.model.code_checks import news
from tests.model.servers import STALE, Servers
from tests.support.folds import event_of
from tests.support.instance import Instance

PARENT = """
name: parent
steps:
  - {id: k, workflow: code, needs: [], timeout: 30s, on_failure: continue}
  - {id: m, workflow: other, needs: [], parent_close: terminate, retry: {max_attempts: 2, initial: 1s}}
"""


class View(NamedTuple):
    """What the worker that holds a decision has seen."""

    grant: Grant
    seen: int


class Coding(Servers):
    """Two servers, two workflows that are code and one that starts them; `told` is what a run's code has seen."""

    def __init__(self) -> None:
        super().__init__()
        # What the code of a run has seen, as the next decision must say.
        self.told: dict[int, int] = {}
        self.views: dict[bytes, View] = {}
        # The last answer to each run, and who gave it.
        self.answers: dict[int, c.CompleteDecision] = {}
        self.names = 0
        self.asked: set[int] = set()

    async def _begin(self) -> list[c.Workflow]:
        workflows = await super()._begin()
        one = self.servers[0].workflows
        self.action_lane = await one.lane(await one.namespace_id("default"), "default", "x")
        return workflows

    async def _register(self, one: Instance) -> list[c.Workflow]:
        return [await self._code(one, "code"), await self._code(one, "other"), await one.register(PARENT)]

    async def _code(self, one: Instance, name: str) -> c.Workflow:
        made = definition.of_code(name, "default")
        namespace = await one.workflows.namespace_id("default")
        async with one.pool.connection() as connection:
            row, _ = await workflow_rows.apply(connection, namespace, name, definition.digest(made), made.canonical)
        return await one.workflows.by_id(row.id)

    def _poll(self, server: int, size: int, *, foreign: bool = False) -> None:
        code, other, _ = self.workflows
        every = code._replace(lanes=(*code.lanes, *other.lanes, self.action_lane))

        async def wait() -> None:
            instance = self.servers[server]
            self.polls.append((instance, instance.wait(every, size, worker=f"w{server}")))

        self.run(wait())
        self.hand_out()

    def _granted(self, grant: Grant) -> None:
        super()._granted(grant)
        if grant.step != m.DECISION:
            assert grant.journal is None
            return
        journal, seen = grant.journal, self.told.get(grant.run_id, 0)
        assert journal is not None
        assert journal.after == seen
        events = self.events(grant.run_id)
        assert list(journal.events) == news(events, seen, journal.sequence)
        assert journal.sequence <= len(events)
        assert (grant.input == self._input(grant.run_id)) if seen == 0 else grant.input in (b"null", b"")
        self.views[grant.secret] = View(grant, journal.sequence)

    def _input(self, run: int) -> bytes:
        return bytes(self.database.rows("select input from runs where id = %s", run)[0]["input"])

    def events(self, run: int) -> list[Any]:
        rows = self.database.rows("select * from events where run_id = %s order by seq", run)
        return [event_of(row) for row in rows]

    def any_of(self, server: int, number: int, *, decision: bool) -> Grant | None:
        """A task of that kind somebody was given; polls for one when there is none."""
        for _ in range(2):
            found = [grant for grant in self.held if (grant.step == m.DECISION) == decision]
            live = [grant for grant in self.live() if grant in found]
            if live or (found and number >= STALE):
                return self.pick(number, found if number >= STALE else live)
            self._poll(server, 4)
        return self.pick(number, found) if found else None

    def answer(self, grant: Grant, commands: list[m.CodeCommand], *, keep: bool) -> c.CompleteDecision:
        place = (grant.run_id, m.DECISION, grant.attempt, grant.secret)
        seen = self.views[grant.secret].seen
        checksum = zlib.crc32(repr((place, seen, commands, keep)).encode())
        return c.CompleteDecision(*place, seen, tuple(commands), keep, "b1", checksum)

    def note_answer(self, command: c.CompleteDecision, length: int, outcome: Decided) -> None:
        """Told is what came in before the answer, and every event of the answer is there."""
        run = command.run_id
        events = self.events(run)
        own = [event for event in events[length:] if (event.data or {}).get("decision") == command.sequence]
        assert bool(own) or (command.keep and self.told.get(run, 0) > 0)
        assert not own or own[0].seq == length + 1
        self.answers[run] = command
        if not command.keep:
            assert outcome.journal is None
            self.told[run] = command.sequence
            return
        journal = outcome.journal
        assert journal is not None
        assert (journal.after, list(journal.events)) == (command.sequence, news(events[:length], command.sequence))
        assert journal.sequence == (own[-1].seq if own else len(events))
        view = self.views[command.token]
        self.views[command.token] = View(view.grant, journal.sequence)
        if own:
            self.told[run] = journal.sequence

    def wanted(self, grant: Grant, wanted: list[str], end: str) -> list[m.CodeCommand]:
        fold = self.tables().folds[grant.run_id]
        # What is cancelled is one of the last: those somebody is at work on are.
        known = sorted(fold.steps, key=lambda key: fold.steps[key].state is StepState.READY)
        found: list[m.CodeCommand] = []
        for what in wanted:
            command = self._one(what, known)
            if command is not None:
                found.append(command)
            if isinstance(command, m.MakeStep | m.RanStep):
                known.append(command.step)
        if end:
            ends: dict[str, m.CodeCommand] = {
                "succeed": m.Succeed(from_value(self.names)),
                "fail": m.Fail(Failure("Boom", "no", step="s", attempt=self.names)),
                "cancelled": m.Cancelled(),
                "continue": m.Continue(None, from_value({"n": self.names})),
            }
            found.append(ends[end])
        return found

    def waits_for_nothing(self, command: c.CompleteDecision) -> bool:
        """Whether the code has not ended, nothing is open any more, and there is nothing it was not told."""
        fold, wanted = self.tables().folds[command.run_id], command.commands
        ends = bool(wanted) and isinstance(wanted[-1], m.Succeed | m.Fail | m.Cancelled | m.Continue)
        gone = {x.step for x in wanted if isinstance(x, m.CancelStep)}
        left = {key for key, step in fold.steps.items() if not step.state.finished}
        made = {x.step for x in wanted if isinstance(x, m.MakeStep)}
        to_come = news(self.events(command.run_id), command.sequence)
        return not (command.keep or ends or (left | made) - gone or to_come)

    def _id(self, prefix: str = "s") -> str:
        self.names += 1
        return f"{prefix}#{self.names}"

    def action(self, **data: Any) -> m.MakeStep:
        return m.MakeStep(self._id(), {"action": "x", "lane": self.action_lane, **data}, from_value(self.names))

    def _one(self, what: str, known: list[str]) -> m.CodeCommand | None:
        made = {
            "retried": {"retry": {"max_attempts": 2, "initial_s": 1.0}},
            "timed": {"timeout": {"attempt_s": 2.0, "total_s": 6.0, "start_s": 3.0}},
        }
        steps: dict[str, dict[str, Any]] = {
            "now": {"sleep_s": 0.0},
            "sleep": {"sleep_s": 2.0},
            "signal": {"signal": "go"},
            "signal in time": {"signal": "stop", "timeout": {"total_s": 4.0}},
            "child": {"workflow": "other", "timeout": {"total_s": 20.0}},
            "left child": {"workflow": "other", "parent_close": "abandon"},
            "nobody": {"workflow": "nobody"},
        }
        command: m.CodeCommand
        if what in steps:
            command = m.MakeStep(self._id(), steps[what], from_value(self.names))
        elif what == "action" or what in made:
            command = self.action(**made.get(what, {}))
        elif what == "local":
            command = m.RanStep(self._id(), 1, from_value(self.names), None, None)
        elif what == "local fails":
            command = m.RanStep(self._id(), 2, None, Failure("Boom", "no"), self.database.now)
        elif what == "cancel":
            return m.CancelStep(known[-1 - self.names % min(len(known), 3)]) if known else None
        elif what == "publish":
            command = m.Publish(f"k{self.names % 2}", from_value(self.names))
        elif what == "attributes":
            command = m.SetAttributes({"a": self.names, "b": None if self.names % 2 else "text"})
        else:
            command = m.Patch(self._id("p"))
        self.names += 1
        return command
