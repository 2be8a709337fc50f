"""Journals written by hand, and histories cut into every shape, for tests of the replay. Must not run handlers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf import json_format

from stellwerk._recorded import entry_of
from stellwerk._replay import NEWS, Replay
from stellwerk.v1.payload_pb2 import Failure, Payload
from stellwerk.v1.run_pb2 import Event
from stellwerk.v1.worker_pb2 import Command
from stellwerk.workflow import plan

_UNORDERED = ("cancel", "local")


class Journal:
    """Tells a run's code one event after the other."""

    def __init__(self, function: Callable[..., Any], input: Any = None, events: Sequence[Event] = ()) -> None:
        self.run = Replay(plan("flow", function), "run_1")
        self._sequence = len(events)
        if events:
            self.run.feed(events)
        else:
            self._sequence = 1
            self.run.feed([event(1, "RUN_STARTED", payload=input)])

    def tell(self, type: str, step: str = "", payload: Any = None, failure: Failure | None = None) -> list[str]:
        """One event; gives what the code asks for then, as people see it."""
        self._sequence += 1
        self.run.feed([event(self._sequence, type, step, payload, failure)])
        return self.asked()

    def done(self, step: str, payload: Any = None) -> list[str]:
        """The step has given its output."""
        return self.tell("STEP_SUCCEEDED", step, payload)

    def failed(self, step: str, type: str = "Broken", message: str = "it broke") -> list[str]:
        """The step has failed."""
        return self.tell("STEP_FAILED", step, failure=Failure(type=type, message=message, attempt=2, category=1))

    def ran(self, step: str, payload: Any = None) -> list[str]:
        """A local step of its own has ended."""
        self._sequence += 1
        self.run.feed_local(step, Payload(json=json.dumps(payload)), None, 1)
        return self.asked()

    def asked(self) -> list[str]:
        """What the code has asked for since the last look."""
        commands, self.run.commands = self.run.commands, []
        return [f"cancel {c.step}" if c.HasField("cancel") else entry_of(c).shown for c in commands] + [
            f"run {local.step}" for local in _taken(self.run)
        ]


def event(
    sequence: int,
    type: str,
    step: str = "",
    payload: Any = None,
    failure: Failure | None = None,
    **attributes: Any,
) -> Event:
    """An event; it happened so many seconds after 1970 as its sequence says."""
    made = Event(sequence=sequence, type=type, step=step, failure=failure)
    made.payload.json = json.dumps(payload)
    made.time.FromSeconds(sequence)
    if attributes:
        made.attributes = json.dumps(attributes)
    return made


def events_of(history: Any) -> list[Event]:
    """The events of a history's document."""
    return [json_format.ParseDict(item, Event()) for item in history["events"]]


def replayed_in_pieces(events: Sequence[Event], function: Callable[..., Any], run_id: str, cut: int) -> list[str]:
    """What the code asks for after the first `cut` events were a history and the others came one by one."""
    run = Replay(plan("flow", function), run_id)
    run.feed(events[:cut])
    for item in events[cut:]:
        if item.type == "STEP_RAN":
            failure = item.failure if item.HasField("failure") else None
            run.feed_local(item.step, item.payload, failure, item.attempt)
        elif item.type in NEWS:
            run.feed([item])
    assert run.problem is None, run.problem
    return [entry_of(command).shown for command in run.commands if _in_row(command)]


def _in_row(command: Command) -> bool:
    return command.WhichOneof("kind") not in _UNORDERED


def _taken(run: Replay) -> list[Any]:
    taken, run.locals = list(run.locals), []
    return [local for local in taken if not local.call.done()]
