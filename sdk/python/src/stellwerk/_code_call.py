"""One call of a workflow's code that waits: a future that may be given up. Must not decide what resolves it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from stellwerk import _records
from stellwerk.errors import ChildFailed, SignalTimeout, StepFailed
from stellwerk.payload import decode
from stellwerk.v1.payload_pb2 import Failure, Payload

if TYPE_CHECKING:
    from stellwerk._replay import Replay


class Call(asyncio.Future[Any]):
    """What `ctx.step` and the like give: begun at once, done when the journal says so.

    Its hash is a count, as a task's: sets of calls have the same order in every replay.
    """

    __slots__ = ("_number", "_replay", "kind", "step")

    def __init__(self, replay: Replay, kind: str, step: str) -> None:
        super().__init__(loop=replay.loop)
        self._number = replay.loop.count()
        self._replay = replay
        self.kind = kind
        self.step = step

    def __hash__(self) -> int:
        return self._number

    def cancel(self, msg: Any = None) -> bool:
        """Give it up: whoever awaits it gets CancelledError, and what it stands for is cancelled."""
        if self.done():
            return False
        self._replay.give_up(self.step)
        return super().cancel(msg)

    def succeed(self, output: Payload) -> None:
        """What it waits for is there."""
        self.set_result(None if self.kind == "sleep" else decode(output))

    def fail(self, failure: Failure, attempt: int) -> None:
        """It has failed for good."""
        self.set_exception(step_failed(self.kind, self.step, failure, attempt))
        # Code may leave a call alone; then nobody has to hear of its failure.
        self._log_traceback = False


def step_failed(kind: str, step: str, failure: Failure, attempt: int) -> StepFailed:
    """The exception that the code gets."""
    made = StepFailed
    if kind == "child":
        made = ChildFailed
    elif failure.type == "SignalTimeout":
        made = SignalTimeout
    return made(step, _records.failure(failure), attempt or failure.attempt)
