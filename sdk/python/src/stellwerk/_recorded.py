"""What a history says the code has asked for, to hold against what it asks for now. Must not run any code."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from stellwerk.payload import decode_json
from stellwerk.v1.payload_pb2 import Payload
from stellwerk.v1.run_pb2 import Event
from stellwerk.v1.worker_pb2 import Command

INPUT_CHARS_MAX = 40

_ENDS = {
    "RUN_SUCCEEDED": "succeed",
    "RUN_FAILED": "fail",
    "RUN_CANCELLED": "cancelled",
    "RUN_CONTINUED": "continue",
}
# Event type -> kind of the command it records, and the attribute that says what that is about.
_KINDS = {
    "STEP_SCHEDULED": ("action", "action"),
    "STEP_SLEEPING": ("sleep", ""),
    "STEP_AWAITING": ("signal", "signal"),
    "RUN_PUBLISHED": ("publish", "key"),
    "RUN_ATTRIBUTES": ("attributes", ""),
    "RUN_PATCHED": ("patch", "id"),
    **{type: (kind, "") for type, kind in _ENDS.items()},
}
_OUT_OF_ROW = ("STEP_CANCELLED", "STEP_RAN", "DECISION_COMPLETED")


class Sign(NamedTuple):
    """What two commands have in common when they are the same: inputs are not part of it."""

    kind: str
    step: str
    about: str


class Entry(NamedTuple):
    """A recorded command; `shown` is for people."""

    sign: Sign
    shown: str


class Record:
    """The recorded commands of a history, taken one by one; `through` is what the last of its decisions had seen."""

    __slots__ = ("_cancelled", "_left", "_ran", "through")

    def __init__(self, events: Iterable[Event]) -> None:
        self.through = 0
        self._left: deque[Entry] = deque()
        self._ran: set[str] = set()
        self._cancelled: set[str] = set()
        for event in events:
            if event.type in _KINDS or event.type in _OUT_OF_ROW:
                self._read(event)

    def _read(self, event: Event) -> None:
        attributes = decode_json(event.attributes) if event.attributes else {}
        if "decision" not in attributes:
            return
        self.through = max(self.through, attributes["decision"])
        if event.type == "STEP_RAN":
            self._ran.add(event.step)
        elif event.type == "STEP_CANCELLED":
            self._cancelled.add(event.step)
        elif event.type in _KINDS:
            self._left.append(_entry(event, attributes))

    @property
    def next(self) -> Entry | None:
        """The next recorded command, None when there are no more."""
        return self._left[0] if self._left else None

    def take(self) -> None:
        """The code has asked for the next one."""
        self._left.popleft()

    def is_over(self, seen: int) -> bool:
        """Whether it has nothing more to say to a code that was told so much."""
        return seen >= self.through and not self._left and not self._ran

    def call_local(self, step: str) -> bool:
        """The code calls a local step; False when it has no recorded end."""
        if step not in self._ran:
            return False
        self._ran.remove(step)
        return True

    def uncalled(self, step: str) -> bool:
        """Whether nobody has called for this local step that ended."""
        return step in self._ran

    def knows_patch(self, patch: str) -> bool:
        """Whether it is recorded, further on, that the code went the new way."""
        return any(entry.sign == Sign("patch", "", patch) for entry in self._left)

    def knows_cancel(self, step: str) -> bool:
        """Whether a cancel given now was sent before; one before a recorded command was, whatever became of it."""
        return bool(self._left) or step in self._cancelled


def _entry(event: Event, attributes: dict[str, Any]) -> Entry:
    kind, about = _KINDS[event.type]
    if kind == "action" and "workflow" in attributes:
        kind, about = "child", "workflow"
    sign = Sign(kind, event.step, str(attributes.get(about, "")))
    return Entry(sign, shown(sign, event.payload, attributes.get("sleep_s", 0)))


def entry_of(command: Command) -> Entry:
    """A command that nothing is recorded of, as an entry."""
    kind = command.WhichOneof("kind") or ""
    about = {
        "action": command.action.action,
        "child": command.child.workflow,
        "signal": command.signal.signal,
        "publish": command.publish.key,
        "patch": command.patch.id,
    }
    sign = Sign(kind, command.step, about.get(kind, ""))
    return Entry(sign, shown_command(sign, command))


def shown_command(sign: Sign, command: Command | None) -> str:
    """A command as people see it."""
    if command is None:
        return shown(sign, None)
    if sign.kind == "sleep":
        return shown(sign, None, command.sleep.duration.ToNanoseconds() / 1e9)
    return shown(sign, command.child.input if sign.kind == "child" else command.action.input)


def shown(sign: Sign, input: Payload | None, sleep_s: float = 0) -> str:
    """`charge("card")`, `sleep(3600)`, `signal approval`, ..., `the end`."""
    match sign.kind:
        case "action":
            return f"{sign.about}({_input_text(input)})"
        case "child":
            return f"child {sign.about}({_input_text(input)})"
        case "sleep":
            return f"sleep({int(sleep_s) if sleep_s == int(sleep_s) else sleep_s})"
        case "local":
            return f"run {sign.step}"
        case "attributes":
            return "attributes"
        case "signal" | "publish" | "patch":
            return f"{sign.kind} {sign.about}"
        case _:
            return "the end"


def difference(number: int, recorded: Entry | None, now: Entry | None) -> str:
    """The difference in words; `number` counts commands from 1."""
    before, after = (entry.shown if entry else "nothing" for entry in (recorded, now))
    if recorded and now and before == after:
        before, after = (f"{entry.shown} as {entry.sign.step or entry.sign.kind}" for entry in (recorded, now))
    return f"step {number}: recorded {before}, now {after}"


def _input_text(input: Payload | None) -> str:
    if input is None:
        return ""
    if input.WhichOneof("content") == "data":
        return f"{len(input.data)} bytes"
    return (input.json or "null")[:INPUT_CHARS_MAX]
