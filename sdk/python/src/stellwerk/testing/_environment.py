"""The environment a test talks to: starts runs, runs their handlers here, lets virtual time pass.

Must not know how events come about: the engine does.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from stellwerk._handle import outcome
from stellwerk._held import Lines
from stellwerk._locals import ATTEMPTS_MAX, Locals, Policy
from stellwerk._records import RunState
from stellwerk._replay import LocalStep
from stellwerk._runner import Runner
from stellwerk._span import Span, seconds
from stellwerk.errors import StellwerkError, TestStuck
from stellwerk.handler import HandlerPlan
from stellwerk.handler import plan as handler_plan
from stellwerk.payload import encode
from stellwerk.testing._book import Book, Step
from stellwerk.testing._clock import Clock
from stellwerk.testing._engine import Engine
from stellwerk.testing._history import check, document
from stellwerk.v1 import run_pb2
from stellwerk.v1.worker_pb2 import Command, Task, TaskResult
from stellwerk.worker import Worker
from stellwerk.workflow import WorkflowPlan, with_defined
from stellwerk.workflow import plan as workflow_plan

_THREADS = 8


class TestEnvironment:
    """Runs workflows in this program, without a server, in virtual time.

        env = TestEnvironment(worker)        # the handlers and workflows of a worker, or none

    Handlers run here, one after the other; time stands still meanwhile. Retries use the real policy without jitter.
    """

    __test__ = False  # no test case, whatever its name says

    def __init__(self, worker: Worker | None = None) -> None:
        self._clock = Clock()
        self._handlers: dict[str, HandlerPlan] = {} if worker is None else dict(worker._plans)
        self._workflows: dict[str, WorkflowPlan] = with_defined({} if worker is None else worker._workflows)
        self._engine = Engine(self._clock, self._workflows)
        self._hands: _Hands | None = None
        self._unserved: list[tuple[Book, Step, int]] = []
        self._checked: dict[str, int] = {}
        self._busy = False

    def handler(self, action: str, function: Callable[..., Any]) -> None:
        """Run `function` for every step of the action, as `worker.register`; a second one replaces the first."""
        self._handlers[action] = handler_plan(action, function)
        waiting, self._unserved = self._unserved, []
        self._engine.work.extend(waiting)

    def workflow(self, name: str, function: Callable[..., Any]) -> None:
        """Have a workflow, to start or to be a child of another; a second one replaces the first."""
        self._workflows[name] = workflow_plan(name, function)

    async def start(self, workflow: str, input: Any = None) -> TestRun:
        """Start a run; it goes as far as it can without time passing."""
        plan = self._workflows.get(workflow)
        if plan is None:
            raise StellwerkError(f"workflow {workflow!r} is not there: env.workflow({workflow!r}, function)")
        run = TestRun(self, self._engine.start(plan, encode(input)))
        await self._settle()
        return run

    async def skip(self, span: Span) -> None:
        """Let so much time pass: seconds, a timedelta, or text such as "3d". Everything due meanwhile happens in order.

        Raises NonDeterminism when the code of a run does something else in a replay.
        """
        end_us = self._clock.now_us + round(seconds(span, "skip") * 1_000_000)
        await self._settle()
        while (due_us := self._clock.next_us()) is not None and due_us <= end_us:
            self._clock.fire()
            await self._settle()
        self._clock.now_us = end_us
        self._check_all()

    def _check_all(self) -> None:
        """Replay what has gone on since it was looked at last."""
        for book in self._engine.books:
            if book.decided and self._checked.get(book.run_id) != len(book.events):
                self._checked[book.run_id] = len(book.events)
                check(book.events, book.plan, book.run_id)

    async def _settle(self) -> None:
        """Do all that can be done now; what handlers cause meanwhile is done by who does it already."""
        if self._busy:
            return
        self._busy = True
        work = self._engine.work
        try:
            while work:
                await self._do(*work.popleft())
        finally:
            self._busy = False
        if any(book.state.terminal and book.run_id not in self._checked for book in self._engine.books):
            self._check_all()

    async def _do(self, book: Book, what: Step | LocalStep | None, attempt: int) -> None:
        if what is None:
            self._engine.decide(book)
        elif isinstance(what, LocalStep):
            await self._run_local(book, what, attempt)
        elif what.open and what.attempt == attempt and not book.state.terminal:
            if what.kind == "child":
                self._engine.begin_child(book, what)
            elif what.command.action.action in self._handlers:
                await self._run_handler(book, what)
            else:
                self._unserved.append((book, what, attempt))

    async def _run_handler(self, book: Book, step: Step) -> None:
        action = step.command.action
        task = Task(
            token=f"{book.run_id}/{step.id}/{step.attempt}".encode(),
            run_id=book.run_id,
            step=step.id,
            attempt=step.attempt,
            max_attempts=action.retry.max_attempts if action.retry.HasField("max_attempts") else ATTEMPTS_MAX,
            action=action.action,
            workflow=book.plan.name,
            input=action.input,
        )
        result = await self._at_hand().run(task)
        if result.HasField("failure"):
            self._engine.failed(book, step, result.failure)
        else:
            self._engine.succeeded(book, step, result.output)

    async def _run_local(self, book: Book, local: LocalStep, attempt: int) -> None:
        if book.running.get(local.step) is not local:
            return
        command = Command(step=local.step)
        command.local.start_time.FromMicroseconds(self._clock.now_us)
        failure = await self._at_hand().locals.try_once(local, command)
        delay_s = None if failure is None else Policy.of(local.retry).delay_s(failure, attempt, 0.0)
        if delay_s is not None:
            self._clock.later(
                self._clock.now_us + round(delay_s * 1_000_000),
                lambda: self._engine.work.append((book, local, attempt + 1)),
                lambda: book.running.get(local.step) is local,
            )
            return
        command.local.attempts = attempt
        if failure is not None:
            command.local.failure.CopyFrom(failure)
        self._engine.local_ended(book, command)

    def _at_hand(self) -> _Hands:
        """What runs handlers belongs to the loop that is running."""
        if self._hands is None or self._hands.loop is not asyncio.get_running_loop():
            self._hands = _Hands(self._handlers)
        return self._hands


class TestRun:
    """A run under test, as `client.start` gives its handle; when it goes on as a new one it is that."""

    __test__ = False  # no test case, whatever its name says

    def __init__(self, env: TestEnvironment, book: Book) -> None:
        self._env = env
        self._first = book

    @property
    def _book(self) -> Book:
        return self._first.last

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._first.run_id

    @property
    def state(self) -> RunState:
        """Where it stands; CONTINUED runs show the one that goes on."""
        return self._book.state

    @property
    def published(self) -> dict[str, Any]:
        """What the code has published, by key."""
        return self._book.published

    @property
    def attributes(self) -> dict[str, Any]:
        """The run's searchable values."""
        return self._book.attributes

    def history(self) -> dict[str, Any]:
        """The document that `stellwerk run history --json` writes."""
        book = self._book
        return document(book.run_id, book.plan.name, book.events)

    async def signal(self, name: str, payload: Any = None) -> None:
        """Tell the run something. Raises StellwerkError when it has ended."""
        book = self._book
        if book.state.terminal:
            raise StellwerkError(f"{book.run_id} has ended as {book.state}")
        self._env._engine.signal(book, name, encode(payload), f"test/{len(book.events)}")
        await self._env._settle()

    async def cancel(self, reason: str = "") -> None:
        """Ask the run to end; its code is told."""
        self._env._engine.cancel(self._book, reason)
        await self._env._settle()

    async def result(self) -> Any:
        """Let time pass while only timers are left, and give the output.

        Raises RunFailed and its subclasses when the run did not succeed, TestStuck when it waits for what nobody does,
        NonDeterminism when its code does something else in a replay.
        """
        await self._env._settle()
        while not self._book.state.terminal:
            if self._env._clock.next_us() is None:
                raise TestStuck(f"the run waits for {self._book.waits_for}, and no timer is left")
            self._env._clock.fire()
            await self._env._settle()
        book = self._book
        event = book.events[-1]
        state: Any = f"RUN_STATE_{book.state}"
        failure = event.failure if event.HasField("failure") else None
        return outcome(run_pb2.RunResult(run_id=book.run_id, state=state, output=event.payload, failure=failure))


class _Hands:
    """What runs handlers and local steps, as in a worker, without lines to any server."""

    def __init__(self, handlers: dict[str, HandlerPlan]) -> None:
        self.loop = asyncio.get_running_loop()
        self.locals = Locals(_THREADS)
        self._results: dict[bytes, asyncio.Future[TaskResult]] = {}
        chunks: Any = _NoLine()
        lines = Lines(threading.get_ident(), chunks, lambda: None)
        self._runner = Runner(handlers, lines, slots=_THREADS, finish=self._finish, freed=lambda: None)

    async def run(self, task: Task) -> TaskResult:
        """One attempt."""
        ended: asyncio.Future[TaskResult] = self.loop.create_future()
        self._results[task.token] = ended
        self._runner.accept([task])
        return await ended

    def _finish(self, result: TaskResult) -> None:
        self._runner.forget(result.token)
        self._results.pop(result.token).set_result(result)


class _NoLine:
    """Chunks go nowhere."""

    def push(self, held: Any, chunk: Any) -> _Gone:
        """Take a chunk."""
        return _Gone()


class _Gone:
    """A chunk that is on its way to nobody."""

    def __await__(self) -> Any:
        return iter(())

    def block(self) -> None:
        """Do not wait."""
