"""A run of code driven by hand: the test is the code, and each of its decisions is checked like any command."""

from __future__ import annotations

import zlib
from typing import Any

from server.tests.engine.world import World, illegal_moves, snapshot
from stellwerk_server.engine.run import Code
from stellwerk_server.model import code as m
from stellwerk_server.model import commands as c
from stellwerk_server.model.events import Event, TimerKind
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.payload import from_value

WORKFLOW = c.Workflow(1, 1, "default", "code", 1, m.code_workflow("code", "default", "{}"), (1,))


class CodeWorld(World):
    """One run of code. Decisions say that they have seen everything unless told otherwise."""

    def __init__(self, value: Any = None, **fields: Any) -> None:
        super().__init__(WORKFLOW, value, **fields)

    @property
    def code(self) -> Code:
        """How the run stands with its decisions."""
        assert self.run.code is not None
        return self.run.code

    def told(self) -> str:
        """What the next decision has to see, as in 'RUN_STARTED' or 'STEP_SUCCEEDED:a'."""
        return " ".join(event.type.name + (f":{event.step}" if event.step else "") for event in self.code.news)

    def recorded(self, count: int) -> str:
        """The last events on one line, in the same way."""
        return " ".join(event.type.name + (f":{event.step}" if event.step else "") for event in self.events[-count:])

    def decide(
        self, *commands: m.CodeCommand, sequence: int = 0, keep: bool = False, build: str = "b", leased: bool = True
    ) -> list[Event]:
        """The code has looked and wants this."""
        place = (7, m.DECISION, self.code.step.attempt, b"t")
        seen = sequence or self.run.seq
        checksum = zlib.crc32(repr((place, seen, commands, keep)).encode())
        return self.do(c.CompleteDecision(*place, seen, commands, keep, build, checksum), leased=leased)

    def decision_fails(self, type: str = "Boom", *, leased: bool = True, **fields: Any) -> list[Event]:
        """The code gave no answer."""
        return self.fail(m.DECISION, type, attempt=self.code.step.attempt, leased=leased, **fields)

    def decision_lost(self) -> list[Event]:
        """The worker that had the decision is gone."""
        failure = Failure("LeaseExpired", "gone", category=Category.WORKER_LOST)
        return self.do(c.ExpireLease(7, m.DECISION, self.code.step.attempt, b"t", failure))

    def park(self) -> None:
        """Fail the decision for good."""
        self.decision_fails(terminal=True)

    def again(self) -> list[Event]:
        """The delay after a failed decision is over."""
        return self.fire(TimerKind.RETRY, m.DECISION)

    def signal(self, name: str, value: Any = None, id: str = "") -> list[Event]:
        """Tell the run something."""
        return self.do(c.SignalRun(7, c.Signal(name, id or f"{name}/{self.run.seq}", from_value(value))))

    def resume(self) -> list[Event]:
        """Have the parked run decided again."""
        return self.do(c.ResumeRun(7))

    def scheduled(self) -> list[str]:
        """What the last commands have brought into the queues; asked once."""
        return sorted(self.run.take_changes().scheduled)

    def folds_the_same(self) -> bool:
        """The history alone gives this run, by moves the tables know."""
        assert illegal_moves(self.run, self.events) == []
        return snapshot(self.folded()) == snapshot(self.run)


def action(step: str, value: Any = None, **data: Any) -> m.MakeStep:
    """An action of the name the id begins with."""
    return m.MakeStep(step, {"action": step.partition("#")[0], "lane": 3, **data}, from_value(value))


def child(step: str, value: Any = None, **data: Any) -> m.MakeStep:
    """A child run."""
    return m.MakeStep(step, {"workflow": "invoice", "parent_close": "cancel", **data}, from_value(value))


def sleep(step: str, seconds: float) -> m.MakeStep:
    """A durable timer."""
    return m.MakeStep(step, {"sleep_s": seconds})


def awaits(step: str, timeout_s: float | None = None) -> m.MakeStep:
    """A wait for the signal the id begins with."""
    timeout = {} if timeout_s is None else {"timeout": {"total_s": timeout_s}}
    return m.MakeStep(step, {"signal": step.partition("#")[0], **timeout})


def local(step: str, value: Any = None) -> m.RanStep:
    """A local step that went well."""
    return m.RanStep(step, 1, from_value(value), None, None)


def local_failed(step: str, type: str = "Boom") -> m.RanStep:
    """A local step that did not."""
    return m.RanStep(step, 3, None, Failure(type, "no"), None)


def publish(key: str, value: Any = None) -> m.Publish:
    """A value to show."""
    return m.Publish(key, from_value(value))


def succeed(value: Any = None) -> m.Succeed:
    """The code has returned."""
    return m.Succeed(from_value(value))


def cancel(step: str) -> m.CancelStep:
    """The step is no longer wanted."""
    return m.CancelStep(step)
