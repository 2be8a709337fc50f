"""What a server keeps of one run, for tests: its events, and what follows from them. Must not know time or handlers."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from stellwerk import _records
from stellwerk._records import RunState
from stellwerk._replay import Replay
from stellwerk.payload import decode
from stellwerk.testing._history import STATES
from stellwerk.v1.payload_pb2 import Failure, Payload
from stellwerk.v1.run_pb2 import Event
from stellwerk.v1.worker_pb2 import Command
from stellwerk.workflow import WorkflowPlan

WORKER = "test"


@dataclass(eq=False)
class Step:
    """One step: how it was asked for, and where it stands."""

    command: Command
    attempt: int = 1
    open: bool = True
    child: Book | None = None

    @property
    def id(self) -> str:
        """Its id."""
        return self.command.step

    @property
    def kind(self) -> str:
        """Its command's kind."""
        return self.command.WhichOneof("kind") or ""


@dataclass(eq=False)
class Book:
    """One run."""

    run_id: str
    plan: WorkflowPlan
    input: Payload
    parent: tuple[Book, Step] | None = None
    events: list[Event] = field(default_factory=list)
    steps: dict[str, Step] = field(default_factory=dict)
    # What it was told and no step has taken, by name; and the steps that wait to be told.
    kept: dict[str, deque[Payload]] = field(default_factory=dict)
    awaiting: dict[str, list[Step]] = field(default_factory=dict)
    # The last event the code has seen; 0 before its first decision.
    decided: int = 0
    cancel_asked: bool = False
    continued_as: Book | None = None
    # The code, while the run goes on.
    code: Replay | None = None
    # A decision is to be taken, or is open because local steps run.
    due: bool = False
    running: dict[str, Any] = field(default_factory=dict)
    state: RunState = RunState.PENDING

    def emit(
        self,
        now_us: int,
        type: str,
        step: str = "",
        attempt: int = 0,
        *,
        payload: Payload | None = None,
        failure: Failure | None = None,
        worker: str = "",
        attributes: dict[str, Any] | None = None,
    ) -> Event:
        """Record that something happened."""
        text = json.dumps(attributes, ensure_ascii=False) if attributes else ""
        event = Event(
            sequence=len(self.events) + 1, type=type, step=step, attempt=attempt, worker_id=worker, attributes=text
        )
        event.time.FromMicroseconds(now_us)
        if payload is not None:
            event.payload.CopyFrom(payload)
        if failure is not None:
            event.failure.CopyFrom(failure)
        self.events.append(event)
        self.state = STATES.get(type, self.state)
        return event

    @property
    def last(self) -> Book:
        """The run that goes on for this one, or itself."""
        book = self
        while book.continued_as is not None:
            book = book.continued_as
        return book

    @property
    def open_steps(self) -> list[Step]:
        """The steps that are not done."""
        return [step for step in self.steps.values() if step.open]

    @property
    def output(self) -> Any:
        """What it has given."""
        return decode(self.events[-1].payload)

    @property
    def failure(self) -> _records.Failure | None:
        """What it has failed with, None when it has not."""
        event = self.events[-1]
        return _records.failure(event.failure) if event.HasField("failure") else None

    @property
    def published(self) -> dict[str, Any]:
        """What the code has published."""
        shown = [event for event in self.events if event.type == "RUN_PUBLISHED"]
        return {json.loads(event.attributes)["key"]: decode(event.payload) for event in shown}

    @property
    def attributes(self) -> dict[str, Any]:
        """The run's searchable values."""
        found: dict[str, Any] = {}
        for event in self.events:
            if event.type == "RUN_ATTRIBUTES":
                found.update(json.loads(event.attributes)["values"])
        return {key: value for key, value in found.items() if value is not None}

    @property
    def waits_for(self) -> str:
        """What it waits for, in words."""
        words = [_waiting(step) for step in self.open_steps] + [f"local step {step!r}" for step in self.running]
        return ", ".join(words) or "nothing"


def _waiting(step: Step) -> str:
    command = step.command
    match step.kind:
        case "signal":
            return f"signal {command.signal.signal!r}"
        case "action":
            return f"step {step.id!r} (nobody runs {command.action.action!r}: env.handler)"
        case "child":
            return f"child {command.child.workflow!r}"
        case _:
            return f"step {step.id!r}"
