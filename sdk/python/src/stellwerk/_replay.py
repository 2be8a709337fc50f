"""One run of a workflow's code: events in, one at a time, commands out. Does the same whenever it is told the same.

Must not do I/O nor look at a clock: who feeds it sends the commands and runs the local steps.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from stellwerk._code_call import Call
from stellwerk._code_loop import CodeTimer, RunLoop
from stellwerk._failure import clean, failure_of
from stellwerk._recorded import Entry, Record, Sign, difference, shown_command
from stellwerk._span import duration
from stellwerk.errors import NonDeterminism, StellwerkError
from stellwerk.payload import decode_json, fill
from stellwerk.v1.payload_pb2 import FAILURE_CATEGORY_USER, Failure, Payload
from stellwerk.v1.run_pb2 import Event
from stellwerk.v1.worker_pb2 import Command
from stellwerk.workflow import WorkflowPlan
from stellwerk.workflow_context import Continue, WorkflowContext

OPEN_MAX = 10_000
NEWS = frozenset({"RUN_STARTED", "STEP_SUCCEEDED", "STEP_FAILED", "STEP_RAN", "RUN_CANCEL_REQUESTED"})
# How asyncio says that something was awaited which is not this loop's.
_FOREIGN = ("attached to a different loop", "got bad yield")


class Problem(NamedTuple):
    """Why a decision fails."""

    type: str
    message: str

    @property
    def failure(self) -> Failure:
        """As it is sent. What the code does will not change by itself, but only a difference is that certain."""
        return Failure(
            type=self.type,
            message=clean(self.message),
            category=FAILURE_CATEGORY_USER,
            terminal=self.type == NON_DETERMINISM,
        )


NON_DETERMINISM = "NonDeterminism"
_WAITS_FOR_NOTHING = Problem(
    "WaitsForNothing", "the code waits for something that is not ctx's: nothing is open and it has not ended"
)


class Blocked(BaseException):
    """Raised into code that does not come to a wait. Not an Exception, so that few catch it."""


class LocalStep(NamedTuple):
    """A step the code wants to be run by its own worker."""

    step: str
    function: Callable[[], Any]
    retry: Mapping[str, Any] | None
    call: Call


class Replay:
    """Feed it with `feed`; then `commands` and `locals` hold what is new, `problem` says that the decision fails."""

    __slots__ = (
        "_begun",
        "_ctx",
        "_drawn",
        "_gone",
        "_input",
        "_kept",
        "_main",
        "_names",
        "_now_us",
        "_number",
        "_open",
        "_patches",
        "_plan",
        "_record",
        "_started_us",
        "abandoned",
        "cancel_requested",
        "cancelling",
        "commands",
        "end",
        "locals",
        "loop",
        "parent",
        "problem",
        "replaying",
        "run_id",
        "seen",
        "trace",
        "workflow",
    )

    def __init__(self, plan: WorkflowPlan, run_id: str, workflow: str = "", trace: Mapping[str, str] | None = None):
        self.run_id = run_id
        self.workflow = workflow or plan.name
        self.trace: Mapping[str, str] = trace or {}
        self.parent: str | None = None
        # The last event it was told of, or may take for told.
        self.seen = 0
        # What the code asks for and nobody has taken yet.
        self.commands: list[Command] = []
        self.locals: list[LocalStep] = []
        # Local steps that the code has given up.
        self.abandoned: list[str] = []
        self.problem: Problem | None = None
        # The kind of the command that ended the code; empty while it goes on.
        self.end = ""
        self.replaying = False
        self.cancel_requested = False
        # True while the code is told of the cancellation.
        self.cancelling = False
        make: Any = RunLoop  # what it lacks of an event loop is refused by name
        self.loop: RunLoop = make(self)
        self._ctx = WorkflowContext(self)
        self._plan = plan
        self._main: asyncio.Task[Any] | None = None
        self._input: Payload | None = None
        self._open: dict[str, Call | CodeTimer] = {}
        self._names: dict[str, int] = {}
        self._patches: dict[str, bool] = {}
        self._kept: dict[str, Payload] = {}
        self._record: Record | None = None
        self._begun = False
        self._number = 0
        self._drawn = 0
        self._started_us = 0
        self._now_us = 0
        self._gone = False

    @property
    def over(self) -> bool:
        """True when the code must not go on."""
        return self.problem is not None or bool(self.end) or self._gone

    @property
    def elapsed_us(self) -> int:
        """Time since the run's start, as of what the code was told last."""
        return self._now_us - self._started_us

    @property
    def asked(self) -> int:
        """How many commands the code has given so far."""
        return self._number

    @property
    def now_us(self) -> int:
        """The time of what the code was told last."""
        return self._now_us

    @property
    def waits_for(self) -> list[str]:
        """The ids of the steps it waits for."""
        return list(self._open)

    # Feeding

    def feed(self, events: Sequence[Event], through: int = 0, input: Payload | None = None) -> None:
        """Tell it these events, then that all is told up to `through`; `input` is the run's, unless they have it."""
        if not self._begun:
            self.begin(events, input)
        for event in events:
            if event.type in NEWS and not self.over:
                self._tell(event)
        self.seen = max(through, events[-1].sequence if events else 0, self.seen)
        self._reach(self.seen + 1)
        self.replaying = False
        if self._record is not None and self._record.is_over(self.seen):
            self._record = None

    def feed_local(self, step: str, output: Payload | None, failure: Failure | None, attempts: int) -> None:
        """Tell it how a local step of its own has ended, once that is recorded."""
        if not self.over:
            self._resolve(step, output, failure, attempts)
            self._go_on()

    def begin(self, events: Sequence[Event], input: Payload | None = None) -> None:
        """Look at what is recorded, of a run from its start; `feed` does it, unless it gets them piece by piece."""
        self._begun = True
        self._input = input
        record = Record(events)
        self._record = record if record.through else None
        for event in events:
            if event.type == "STEP_KEPT":
                self._kept[event.step] = event.payload

    def _tell(self, event: Event) -> None:
        self._reach(event.sequence)
        record = self._record
        self.replaying = record is not None and event.sequence <= record.through
        type = event.type
        if type == "STEP_RAN":
            if record is not None and record.uncalled(event.step):
                self._differ(Entry(Sign("local", event.step, ""), f"run {event.step}"), None, self._number + 1)
                return
        else:
            # The worker that ran a local step never hears when that was recorded, so it does not move the time.
            self._now_us = event.time.seconds * 1_000_000 + event.time.nanos // 1000
        if type == "RUN_STARTED":
            self._start(event)
        elif type == "RUN_CANCEL_REQUESTED":
            self._cancel()
        else:
            failure = event.failure if event.HasField("failure") else None
            self._resolve(event.step, event.payload, failure, event.attempt)
        self._go_on()

    def _reach(self, sequence: int) -> None:
        """Whether all that is recorded was asked for when the first event comes that no decision had seen."""
        record = self._record
        if record is None or sequence <= record.through or self.over:
            return
        if record.next is not None:
            self._differ(record.next, None, self._number + 1)

    def _start(self, event: Event) -> None:
        self._started_us = self._now_us
        attributes = decode_json(event.attributes) if event.attributes else {}
        self.parent = attributes.get("parent")
        if event.HasField("payload"):
            self._input = event.payload
        context = contextvars.Context()
        self._main = self.loop.create_task(self._live(self._input or Payload()), context=context)
        self._input = None

    def _cancel(self) -> None:
        self.cancel_requested = self.cancelling = True
        main = self._main
        if main is not None and main.cancel():
            self.loop.run()
            # It was told, once: a timeout in what is called after that has to count from nothing.
            main.uncancel()
        self.cancelling = False

    def _resolve(self, step: str, output: Payload | None, failure: Failure | None, attempt: int) -> None:
        """What the code waits for is there; nobody waits when it was given up."""
        waiting = self._open.pop(step, None)
        if isinstance(waiting, CodeTimer):
            self.loop.fire(waiting)
        elif waiting is not None and failure is not None:
            waiting.fail(failure, attempt)
        elif waiting is not None:
            waiting.succeed(output or Payload())

    def _go_on(self) -> None:
        """Let the code go as far as it can, and look at where it stands."""
        self.loop.run()
        if self.end:
            self.drop_tasks()
        elif self.problem is None:
            if len(self._open) > OPEN_MAX:
                message = f"{len(self._open)} commands are open, at most {OPEN_MAX} may be: wait for some first"
                self.problem = Problem("TooManyCommands", message)
            elif not self._open:
                self.problem = _WAITS_FOR_NOTHING

    # The code's end

    async def _live(self, input: Payload) -> None:
        """The whole life of the code."""
        try:
            output = await self._plan.call(self._ctx, input)
            command = Command()
            fill(command.succeed.output, output)
            self._finish("succeed", command)
        except Continue as further:
            self._finish("continue", further.command)
        except (GeneratorExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # whatever it is, the run ends with it
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, Blocked):
            self.problem = self.problem or Problem("WorkflowBlocked", "the code has not come to a wait")
            return
        if isinstance(error, RuntimeError) and any(sign in str(error) for sign in _FOREIGN):
            self.problem = self.problem or _WAITS_FOR_NOTHING
            return
        command = Command()
        if isinstance(error, asyncio.CancelledError) and self.cancel_requested:
            command.cancelled.SetInParent()
            self._finish("cancelled", command)
            return
        command.fail.failure.CopyFrom(failure_of(error))
        self._finish("fail", command)

    def _finish(self, kind: str, command: Command) -> None:
        if self.over:
            return
        self.give(kind, "", "", command)
        if self.problem is None:
            self.end = kind

    def drop(self) -> None:
        """The run is not held here any more: unwind the code without letting it do anything."""
        if not self._gone:
            self._gone = True
            self.drop_tasks()

    def drop_tasks(self) -> None:
        """End what the code has left behind."""
        self._gone = True
        # What the code says while it is unwound is no news: it says it again wherever the run goes on.
        self.replaying = True
        self.loop.close_tasks()
        self._open.clear()
        self.locals.clear()
        self._main = None

    # What the context asks for

    def check(self) -> None:
        """Refuse calls that are not the code's own, or come when it must not go on."""
        if asyncio._get_running_loop() is not self.loop:
            raise self._stranger()
        if self.problem is not None:
            raise NonDeterminism(self.problem.message) if self.problem.type == NON_DETERMINISM else Blocked
        if self._gone or self.end:
            raise Blocked

    def ask(self, kind: str, name: str, about: str, command: Command) -> Call:
        """A command that is waited for."""
        step = self._step_id(name)
        call = Call(self, kind, step)
        kept = self._kept.pop(step, None) if self._kept else None
        if kept is not None:
            call.succeed(kept)
            return call
        command.step = step
        self._open[step] = call
        self.give(kind, step, about, command)
        return call

    def ask_local(self, name: str, function: Callable[[], Any], retry: Mapping[str, Any] | None) -> Call:
        """A step that the worker runs itself, unless it is recorded how that ended."""
        step = self._step_id(name)
        call = Call(self, "local", step)
        kept = self._kept.pop(step, None) if self._kept else None
        if kept is not None:
            call.succeed(kept)
            return call
        self._number += 1
        self._open[step] = call
        if self._record is None or not self._record.call_local(step):
            self.locals.append(LocalStep(step, function, retry, call))
        return call

    def set_timer(self, timer: CodeTimer, delay_s: float) -> None:
        """A timer of asyncio's is a sleep."""
        self.check()
        step = self._step_id("sleep")
        if self._kept and self._kept.pop(step, None) is not None:
            self.loop.fire(timer)
            return
        timer.step = step
        command = Command(step=step)
        command.sleep.duration.CopyFrom(duration(delay_s, "delay"))
        self._open[step] = timer
        self.give("sleep", step, "", command)

    def give(self, kind: str, step: str, about: str, command: Command) -> None:
        """A command: the next of the recorded ones, or else a new one. Raises NonDeterminism."""
        self._number += 1
        recorded = None if self._record is None else self._record.next
        if recorded is None:
            self.commands.append(command)
            return
        assert self._record is not None
        sign = Sign(kind, step, about)
        if recorded.sign != sign:
            self._differ(recorded, Entry(sign, shown_command(sign, command)), self._number)
            assert self.problem is not None
            raise NonDeterminism(self.problem.message)
        self._record.take()

    def give_up(self, step: str) -> None:
        """The code no longer wants a step."""
        waiting = self._open.pop(step, None)
        if waiting is None or self.over:
            return
        if isinstance(waiting, Call) and waiting.kind == "local":
            self.abandoned.append(step)
        elif self._record is None or not self._record.knows_cancel(step):
            command = Command(step=step)
            command.cancel.SetInParent()
            self.commands.append(command)

    def patched(self, patch: str) -> bool:
        """Whether the code goes the new way: when that is recorded, or no decision has come by here yet."""
        if patch not in self._patches:
            recorded = self._record is not None and self._record.knows_patch(patch)
            taken = self._patches[patch] = recorded or not self.replaying
            if taken:
                command = Command()
                command.patch.id = patch
                self.give("patch", "", patch, command)
        return self._patches[patch]

    def draw(self) -> bytes:
        """The next of the run's random bytes."""
        self._drawn += 1
        return hashlib.sha256(f"{self.run_id}/{self._drawn}".encode()).digest()

    def _step_id(self, name: str) -> str:
        count = self._names.get(name, 0) + 1
        self._names[name] = count
        if "#" in name or not name:
            raise ValueError(f"name: expected a text without '#', came {name!r}")
        return name if count == 1 else f"{name}#{count}"

    def _differ(self, recorded: Entry | None, now: Entry | None, number: int) -> None:
        if self.problem is None:
            self.problem = Problem(NON_DETERMINISM, difference(number, recorded, now))

    def _stranger(self) -> StellwerkError:
        who = "after its end" if self.end or self._gone else threading.current_thread().name
        return StellwerkError(f"ctx belongs to the workflow's own code, came a call from {who}")
