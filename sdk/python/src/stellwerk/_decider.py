"""Decides runs of workflows that are code: journals in, decisions out, one result of a run on its way at a time.

Must not poll nor know the code's insides: `_replay` runs it, the outbox carries what it wants.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from stellwerk._channel import BATCH_BYTES_MAX
from stellwerk._locals import Locals
from stellwerk._replay import Blocked, LocalStep, Problem, Replay
from stellwerk._run_cache import RunCache
from stellwerk._runner import released
from stellwerk._watchdog import Watchdog
from stellwerk.errors import RequestError
from stellwerk.handler import body_of
from stellwerk.v1.payload_pb2 import Failure, Payload
from stellwerk.v1.run_pb2 import Event
from stellwerk.v1.worker_pb2 import Command, Decision, Journal, Task, TaskResult, TaskVerdict
from stellwerk.workflow import WorkflowPlan

_logger = logging.getLogger("stellwerk")

PLACES = 200
COMMANDS_MAX = 1_000
_ASK_S = 1.0
ACTION = "workflow:"
# A long history is fed in pieces, so that the worker's other work goes on in between.
_PIECE = 500

Told = Callable[[TaskVerdict | None], None]


class Send(Protocol):
    """Takes a result on; `told` gets its verdict, or None when it was not taken."""

    def __call__(self, result: TaskResult, told: Told | None = None) -> None: ...


class Hold:
    """A decision in this worker's hands."""

    __slots__ = (
        "asking",
        "commands",
        "ended",
        "gone",
        "in_flight",
        "progress",
        "progress_said",
        "reading",
        "received_s",
        "run",
        "running",
        "sent",
        "stopping",
        "task",
    )

    def __init__(self, task: Task, received_s: float) -> None:
        self.task = task
        self.received_s = received_s
        # A decision has no progress to report; heartbeats look at it as at any task.
        self.progress: Payload | None = None
        self.progress_said = True
        self.run: Replay | None = None
        self.reading: asyncio.Task[None] | None = None
        # Asked for and not sent.
        self.commands: list[Command] = []
        # Local steps that run, that have ended, and whose end is on its way.
        self.running: dict[str, asyncio.Task[None]] = {}
        self.ended: list[Command] = []
        self.sent: list[Command] = []
        self.in_flight = False
        # Will ask what is new, while all there is to do is waiting for local steps.
        self.asking: asyncio.TimerHandle | None = None
        self.stopping = False
        self.gone = False


class Setting(NamedTuple):
    """What a decider works with."""

    plans: Mapping[str, WorkflowPlan]
    build: str
    pin_runs: bool
    cached_runs: int
    threads: int
    watchdog: Watchdog
    # Every event of a run so far.
    history: Callable[[str], Awaitable[Sequence[Event]]]
    send: Send
    # Told of each decision that is no longer held.
    freed: Callable[[], None]


class Decider:
    """Holds the worker's decisions by token, and the runs that wait."""

    def __init__(self, setting: Setting) -> None:
        self.held: dict[bytes, Hold] = {}
        self._setting = setting
        self._loop = asyncio.get_running_loop()
        self._cache = RunCache(setting.cached_runs)
        self._locals = Locals(setting.threads)
        self._files = {name: _file_of(plan) for name, plan in setting.plans.items()}

    def accept(self, tasks: Iterable[Task]) -> None:
        """Decide each of these; one whose workflow nobody here has is given back."""
        received_s = time.monotonic()
        for task in tasks:
            plan = self._setting.plans.get(task.action.removeprefix(ACTION))
            if plan is None:
                self._setting.send(released(task))
                continue
            hold = Hold(task, received_s)
            self.held[task.token] = hold
            self._begin(hold, plan)

    def cancel(self, token: bytes, reason: str) -> bool:
        """The server took a decision back; False when it is none of ours."""
        hold = self.held.get(token)
        if hold is None:
            return False
        _logger.info("a decision of %s was taken back: %s", hold.task.run_id, reason)
        self._lose(hold)
        return True

    def snapshot(self) -> list[Hold]:
        """The decisions held now; for any thread."""
        while True:
            try:
                return list(self.held.values())
            except RuntimeError:  # changed meanwhile
                continue

    def stop_all(self) -> None:
        """Give back what is not decided: somebody else runs its local steps again."""
        for hold in self.snapshot():
            hold.stopping = True
            if not hold.in_flight:
                self._release(hold)

    def close(self) -> None:
        """Forget every run."""
        for hold in self.snapshot():
            self._lose(hold)
        self._cache.clear()
        self._locals.close()

    # From the journal to the code

    def _begin(self, hold: Hold, plan: WorkflowPlan) -> None:
        task, journal = hold.task, hold.task.journal
        hold.run = self._cache.take(task.run_id, journal.after_sequence) if journal.after_sequence else None
        if hold.run is None and journal.after_sequence:
            self._read_anew(hold)
            return
        if hold.run is None:
            hold.run = Replay(plan, task.run_id, task.workflow, dict(task.trace))
        self._feed(hold, journal, task.input)

    def _feed(self, hold: Hold, journal: Journal, input: Payload | None = None) -> None:
        """Tell the code what is new, then how its own local steps have ended."""
        run, sent = hold.run, hold.sent
        assert run is not None
        hold.sent = []

        def tell() -> None:
            run.feed(journal.events, journal.sequence, input)
            for command in sent:
                local = command.local
                failure = local.failure if local.HasField("failure") else None
                run.feed_local(command.step, local.output, failure, local.attempts)

        if self._run_code(hold, tell):
            self._advance(hold)

    def _read_anew(self, hold: Hold) -> None:
        """Begin with the whole history: the run is not here, or not as the server knows it."""
        self._drop_run(hold)
        hold.reading = self._loop.create_task(self._read(hold), name=f"history of {hold.task.run_id}")

    async def _read(self, hold: Hold) -> None:
        task = hold.task
        plan = self._setting.plans[task.action.removeprefix(ACTION)]
        try:
            events = await self._setting.history(task.run_id)
        except RequestError as error:
            _logger.warning("the history of %s cannot be read, its decision is given back: %s", task.run_id, error)
            self._release(hold)
            return
        run = hold.run = Replay(plan, task.run_id, task.workflow, dict(task.trace))
        run.begin(events, task.input)
        for first in range(0, len(events), _PIECE):
            piece = events[first : first + _PIECE]
            if hold.gone or not self._run_code(hold, lambda piece=piece: run.feed(piece)):  # type: ignore[misc]
                return
            await asyncio.sleep(0)
        hold.reading = None
        if not hold.gone:
            run.seen = max(run.seen, task.journal.sequence)
            self._advance(hold)

    def _run_code(self, hold: Hold, tell: Callable[[], None]) -> bool:
        """Let the code see something; False when the decision has failed by that already."""
        watchdog, run = self._setting.watchdog, hold.run
        assert run is not None
        watchdog.enter(hold.task.token, self._files[hold.task.action.removeprefix(ACTION)])
        try:
            tell()
        except Blocked:
            _logger.debug("code of %s was broken into", run.run_id)
        except Exception as error:  # a journal that cannot be read, or a bug of ours: it must not end the worker
            _logger.exception("run %s cannot be decided", run.run_id)
            run.problem = run.problem or Problem(type(error).__name__, str(error))
        if watchdog.leave():
            # It has told the server.
            self._lose(hold)
            return False
        return True

    # From the code to the server

    def _advance(self, hold: Hold) -> None:
        """Do what the code wants done here, and send what it wants done elsewhere."""
        run = hold.run
        assert run is not None
        if run.problem is not None:
            self._fail(hold, run.problem.failure)
            return
        for step in run.abandoned:
            self._stop_local(hold, step)
        run.abandoned.clear()
        if run.end:
            self._stop_locals(hold)
        for local in run.locals:
            if not local.call.done():
                hold.running[local.step] = self._begin_local(hold, local)
        run.locals.clear()
        hold.commands += run.commands
        run.commands.clear()
        if not hold.in_flight:
            self._send(hold)

    def _send(self, hold: Hold) -> None:
        """Send what has gathered; nothing while all there is to do is waiting for local steps."""
        run = hold.run
        assert run is not None
        hold.commands += hold.ended
        hold.ended.clear()
        if not hold.commands and hold.running:
            if hold.asking is None:
                hold.asking = self._loop.call_later(_ASK_S, self._ask, hold)
            return
        part = _part(hold.commands)
        del hold.commands[: len(part)]
        keep = bool(hold.commands or hold.running or any(_is_local(command) for command in part)) and not (
            run.end and not hold.commands
        )
        hold.sent = [command for command in part if _is_local(command)]
        self._say(hold, run, part, keep=keep)

    def _ask(self, hold: Hold) -> None:
        """Local steps take their time: signals and cancels must reach the code meanwhile."""
        hold.asking = None
        if hold.run is not None and hold.running and not hold.in_flight and not hold.gone:
            self._say(hold, hold.run, [], keep=True)

    def _say(self, hold: Hold, run: Replay, commands: list[Command], *, keep: bool) -> None:
        setting = self._setting
        decision = Decision(
            sequence=run.seen, commands=commands, keep=keep, build=setting.build, pin_run=setting.pin_runs
        )
        hold.in_flight = True
        if hold.asking is not None:
            hold.asking.cancel()
            hold.asking = None
        told = self._keeper(hold) if keep else self._ender(hold, run)
        if not keep:
            self._rest(hold, run)
        self._setting.send(TaskResult(token=hold.task.token, decision=decision), told)

    def _rest(self, hold: Hold, run: Replay) -> None:
        """All is said. The next decision may come, and take the run on, before the verdict on this one does."""
        hold.run = None
        if run.end:
            run.drop()
        else:
            self._cache.put(run)

    def _ender(self, hold: Hold, run: Replay) -> Told:
        def told(verdict: TaskVerdict | None) -> None:
            if verdict is None:
                self._cache.drop(run)
            self._forget(hold)

        return told

    def _keeper(self, hold: Hold) -> Told:
        def told(verdict: TaskVerdict | None) -> None:
            hold.in_flight = False
            if hold.gone:
                return
            if verdict is None:
                self._lose(hold)
            elif hold.stopping:
                self._release(hold)
            elif hold.run is None or verdict.journal.after_sequence != hold.run.seen:
                self._read_anew(hold)
            else:
                self._feed(hold, verdict.journal)

        return told

    def _fail(self, hold: Hold, failure: Failure) -> None:
        """The decision came to nothing; another try begins with the whole history."""
        task = hold.task
        _logger.error("run %s cannot be decided: %s: %s", task.run_id, failure.type, failure.message)
        self._drop_run(hold)
        hold.in_flight = True
        self._setting.send(TaskResult(token=task.token, failure=failure), lambda _: self._forget(hold))

    def _release(self, hold: Hold) -> None:
        if hold.gone:
            return
        self._drop_run(hold)
        hold.in_flight = True
        self._setting.send(released(hold.task), lambda _: self._forget(hold))

    # Local steps

    def _begin_local(self, hold: Hold, local: LocalStep) -> asyncio.Task[None]:
        def done(step: LocalStep, command: Command) -> None:
            if hold.running.pop(step.step, None) is not None and not hold.gone:
                hold.ended.append(command)
                if not hold.in_flight:
                    self._send(hold)

        return self._locals.begin(local, done)

    def _stop_local(self, hold: Hold, step: str) -> None:
        running = hold.running.pop(step, None)
        if running is not None:
            running.cancel()
        # Nobody waits for it any more, so it need not be recorded that it has ended.
        hold.ended = [command for command in hold.ended if command.step != step]

    def _stop_locals(self, hold: Hold) -> None:
        for running in hold.running.values():
            running.cancel()
        hold.running.clear()
        hold.ended.clear()

    # The end of a hold

    def _drop_run(self, hold: Hold) -> None:
        """What is known of the run is of no use."""
        self._stop_locals(hold)
        hold.commands.clear()
        hold.sent.clear()
        run, hold.run = hold.run, None
        if run is not None:
            run.drop()
        reading, hold.reading = hold.reading, None
        if reading is not None and reading is not asyncio.current_task():
            reading.cancel()

    def _lose(self, hold: Hold) -> None:
        """It is somebody else's now."""
        self._drop_run(hold)
        self._forget(hold)

    def _forget(self, hold: Hold) -> None:
        if hold.gone:
            return
        hold.gone = True
        if hold.asking is not None:
            hold.asking.cancel()
        self.held.pop(hold.task.token, None)
        self._setting.freed()


def _is_local(command: Command) -> bool:
    return command.HasField("local")


def _part(commands: list[Command]) -> list[Command]:
    """The first of them that travel in one decision."""
    if len(commands) <= 2:
        return list(commands)
    size = 0
    for count, command in enumerate(commands):
        size += command.ByteSize()
        if count == COMMANDS_MAX or (count and size > BATCH_BYTES_MAX):
            return commands[:count]
    return list(commands)


def _file_of(plan: WorkflowPlan) -> str:
    code = getattr(body_of(plan.function), "__code__", None)
    return "" if code is None else str(code.co_filename)
