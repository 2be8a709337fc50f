"""A server's rules for runs of code, small enough for tests: the same events, in the same order, in virtual time.

Must not run handlers or local steps: they stand in `work` until the environment takes them.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from stellwerk._locals import ATTEMPTS_MAX, Policy
from stellwerk._records import RunState
from stellwerk._replay import NEWS, NON_DETERMINISM, LocalStep, Replay
from stellwerk.errors import NonDeterminism, StellwerkError
from stellwerk.testing._book import WORKER, Book, Step
from stellwerk.testing._clock import Clock
from stellwerk.testing._recording import RECORDED, about
from stellwerk.v1.payload_pb2 import (
    FAILURE_CATEGORY_CANCELLED,
    FAILURE_CATEGORY_DEFINITION,
    FAILURE_CATEGORY_TIMEOUT,
    FAILURE_CATEGORY_USER,
    Failure,
    Payload,
)
from stellwerk.v1.run_pb2 import Event
from stellwerk.v1.worker_pb2 import Command, RetryPolicy
from stellwerk.workflow import WorkflowPlan

_CHILD_FAILED = {
    RunState.FAILED: ("RunFailed", FAILURE_CATEGORY_USER),
    RunState.CANCELLED: ("RunCancelled", FAILURE_CATEGORY_CANCELLED),
    RunState.TERMINATED: ("RunTerminated", FAILURE_CATEGORY_CANCELLED),
}
_ENDS = ("succeed", "fail", "cancelled", "continue")


class Engine:
    """All runs of an environment. `work` is what is to be done before time may pass, in order."""

    def __init__(self, clock: Clock, workflows: Mapping[str, WorkflowPlan]) -> None:
        self.clock = clock
        self.books: list[Book] = []
        self.work: deque[tuple[Book, Step | LocalStep | None, int]] = deque()
        self._workflows = workflows

    # What comes from outside

    def start(
        self,
        plan: WorkflowPlan,
        input: Payload,
        parent: tuple[Book, Step] | None = None,
        carried: Mapping[str, deque[Payload]] | None = None,
        **origin: str,
    ) -> Book:
        """A new run, about to be decided."""
        book = Book(f"run_{len(self.books) + 1}", plan, input, parent)
        self.books.append(book)
        attributes: dict[str, Any] = dict(origin)
        if parent is not None:
            attributes |= {"parent": parent[0].run_id, "step": parent[1].id, "depth": 1}
        self._emit(book, "RUN_STARTED", payload=input, attributes={**attributes, "workflow": plan.name})
        for name, payloads in (carried or {}).items():
            for number, payload in enumerate(payloads):
                self.signal(book, name, payload, f"{origin.get('continued_from')}/{name}/{number}")
        self._tell(book)
        return book

    def signal(self, book: Book, name: str, payload: Payload, id: str = "") -> None:
        """Tell a run something."""
        self._emit(book, "RUN_SIGNALLED", payload=payload, attributes={"signal": name, "id": id})
        book.kept.setdefault(name, deque()).append(payload)
        self._deliver(book, name)

    def cancel(self, book: Book, reason: str) -> None:
        """Ask a run to end; one whose code has never looked ends at once."""
        attributes = {"reason": reason} if reason else None
        if book.state.terminal:
            return
        if not book.decided:
            self._emit(book, "RUN_CANCELLED", attributes=attributes)
            self._ended(book)
        elif not book.cancel_asked:
            book.cancel_asked = True
            self._emit(book, "RUN_CANCEL_REQUESTED", attributes=attributes)
            self._tell(book)

    def _terminate(self, book: Book) -> None:
        if not book.state.terminal:
            self._emit(book, "RUN_TERMINATED", attributes={"reason": "its parent has ended"})
            self._ended(book)

    # Decisions

    def decide(self, book: Book) -> None:
        """Let the code see what is new, and record what it wants."""
        book.due = False
        if book.state.terminal or book.running:
            return
        if book.code is None:
            book.code = Replay(book.plan, book.run_id)
        book.code.feed(self._news(book), len(book.events))
        self._advance(book)

    def local_ended(self, book: Book, command: Command) -> None:
        """A local step has ended: the code goes on once that is recorded."""
        code = book.code
        if code is None or book.running.pop(command.step, None) is None or book.state.terminal:
            return
        news, through = self._record(book, [command], keep=True)
        local = command.local
        code.feed(news, through)
        failure = local.failure if local.HasField("failure") else None
        code.feed_local(command.step, local.output, failure, local.attempts)
        self._advance(book)

    def _advance(self, book: Book) -> None:
        """Take down what the code wants, until it waits."""
        code = book.code
        while code is not None:
            _require_sound(code)
            for step in code.abandoned:
                book.running.pop(step, None)
            code.abandoned.clear()
            if code.end:
                book.running.clear()
            for local in code.locals:
                if not local.call.done():
                    book.running[local.step] = local
                    self.work.append((book, local, 1))
            code.locals.clear()
            commands, code.commands = code.commands, []
            keep = bool(book.running)
            if keep and not commands:
                return
            news, through = self._record(book, commands, keep)
            if not keep:
                book.decided = code.seen
                if self._news(book) and not book.state.terminal:
                    self._tell(book)
                return
            code.feed(news, through)

    def _record(self, book: Book, commands: list[Command], keep: bool) -> tuple[list[Event], int]:
        """One decision; gives what came in before it, and its last event."""
        code = book.code
        assert code is not None
        news = [event for event in book.events[code.seen :] if event.type in NEWS]
        mark: dict[str, Any] = {"decision": code.seen, **({"keep": True} if keep else {})}
        after: list[Callable[[], None]] = []
        for command in commands:
            self._take_down(book, command, mark, after)
        if not commands:
            self._emit(book, "DECISION_COMPLETED", worker=WORKER, attributes=mark)
        through = len(book.events)
        book.decided = through if keep else code.seen
        for follow in after:
            follow()
        return news, through

    def _take_down(self, book: Book, command: Command, mark: dict[str, Any], after: list[Callable[[], None]]) -> None:
        kind = command.WhichOneof("kind") or ""
        if kind == "cancel":
            step = book.steps[command.step]
            if step.open:
                self._close(book, step)
                self._emit(book, "STEP_CANCELLED", step.id, worker=WORKER, attributes=mark)
                self._close_child(step)
            return
        further = self._further(book, command) if kind == "continue" else None
        attributes = {**about(command, self.clock.now_us), **mark}
        type, payload, failure, attempt = RECORDED[kind](command)
        if further is not None:
            payload = Payload(json=json.dumps(further.run_id))
        if failure is not None and kind == "local":
            self._locate(failure, command.step, attempt)
        self._emit(
            book,
            type,
            command.step,
            attempt,
            payload=payload,
            failure=failure,
            worker=WORKER,
            attributes=attributes,
        )
        if kind in _ENDS:
            after.append(lambda: self._ended(book))
        elif kind in ("action", "child", "sleep", "signal"):
            step = book.steps[command.step] = Step(command)
            self._set_off(book, step, after)

    def _further(self, book: Book, command: Command) -> Book:
        asked = getattr(command, "continue")
        plan = self._workflows.get(asked.workflow) if asked.workflow else book.plan
        if plan is None:
            raise StellwerkError(f"continue_as_new: workflow {asked.workflow!r} is not there (env.workflow)")
        book.continued_as = self.start(plan, asked.input, book.parent, book.kept, continued_from=book.run_id)
        return book.continued_as

    # Steps

    def _set_off(self, book: Book, step: Step, after: list[Callable[[], None]]) -> None:
        """A step is there: do it, or wait for what it waits for."""
        command, now_us = step.command, self.clock.now_us
        if step.kind == "sleep":
            due_us = now_us + command.sleep.duration.ToMicroseconds()
            if due_us <= now_us:
                after.append(lambda: self._succeed(book, step))
            else:
                self._later(book, step, due_us, lambda: self._succeed(book, step))
        elif step.kind == "signal":
            name = command.signal.signal
            book.awaiting.setdefault(name, []).append(step)
            after.append(lambda: self._deliver(book, name))
            if command.signal.HasField("timeout"):
                span_s = command.signal.timeout.ToMicroseconds() / 1e6
                self._bound(book, step, span_s, "SignalTimeout", f"signal {name!r} did not come within {span_s:g} s")
        else:
            of = command.child if step.kind == "child" else command.action.timeout
            field = "timeout" if step.kind == "child" else "total"
            if of.HasField(field):
                span_s = getattr(of, field).ToMicroseconds() / 1e6
                self._bound(book, step, span_s, "StepTimeout", f"it was not done after {span_s:g} s")
            if step.kind == "action" and command.action.timeout.HasField("start"):
                span_s = command.action.timeout.start.ToMicroseconds() / 1e6
                self._bound(book, step, span_s, "StartTimeout", f"no worker took it within {span_s:g} s")
            self.work.append((book, step, step.attempt))

    def _bound(self, book: Book, step: Step, span_s: float, type: str, message: str) -> None:
        failure = Failure(type=type, message=message, category=FAILURE_CATEGORY_TIMEOUT, terminal=True)
        due_us = self.clock.now_us + round(span_s * 1_000_000)
        self._later(book, step, due_us, lambda: self._give_up(book, step, failure))

    def _later(self, book: Book, step: Step, due_us: int, act: Callable[[], None]) -> None:
        self.clock.later(due_us, act, lambda: step.open and not book.state.terminal)

    def succeeded(self, book: Book, step: Step, output: Payload) -> None:
        """An attempt has given its output."""
        if step.open and not book.state.terminal:
            self._succeed(book, step, output, step.attempt, WORKER)

    def failed(self, book: Book, step: Step, failure: Failure, worker: str = WORKER) -> None:
        """An attempt has failed: another one follows, or the step has failed."""
        if not step.open or book.state.terminal:
            return
        retry = step.command.child.retry if step.kind == "child" else step.command.action.retry
        policy = policy_of(retry, 1 if step.kind == "child" else ATTEMPTS_MAX)
        delay_s = policy.delay_s(failure, step.attempt, 0.0)
        if delay_s is None:
            self._give_up(book, step, failure, worker)
            return
        due_us = self.clock.now_us + int(delay_s * 1_000_000)
        self._locate(failure, step.id, step.attempt, worker)
        facts = {"failure": failure, "worker": worker, "attributes": {"due_at": due_us}}
        self._emit(book, "STEP_ATTEMPT_FAILED", step.id, step.attempt, **facts)
        if due_us <= self.clock.now_us:
            self._again(book, step)
        else:
            self._later(book, step, due_us, lambda: self._again(book, step))

    def _again(self, book: Book, step: Step) -> None:
        step.attempt += 1
        self._emit(book, "STEP_SCHEDULED", step.id, step.attempt)
        self.work.append((book, step, step.attempt))

    def begin_child(self, book: Book, step: Step) -> None:
        """Start the run of a child step."""
        asked = step.command.child
        plan = self._workflows.get(asked.workflow)
        if plan is None:
            message = f"workflow {asked.workflow!r} cannot be started: workflow {asked.workflow!r} is not registered"
            failure = Failure(type="WORKFLOW_NOT_FOUND", message=message, category=FAILURE_CATEGORY_DEFINITION)
            self._give_up(book, step, failure)
            return
        child = step.child = self.start(plan, asked.input, (book, step))
        self._emit(book, "STEP_CHILD_STARTED", step.id, step.attempt, attributes={"child": child.run_id})

    def _child_ended(self, child: Book) -> None:
        if child.parent is None:
            return
        book, step = child.parent
        if not step.open or book.state.terminal or step.child is None or step.child.last is not child:
            return
        if child.state is RunState.SUCCEEDED:
            self._succeed(book, step, child.events[-1].payload, step.attempt)
            return
        type, category = _CHILD_FAILED[child.state]
        message = f"child {child.run_id} ended as {child.state}"
        failure = Failure(type=type, category=category)
        event = child.events[-1]
        if event.HasField("failure"):
            message += f": {event.failure.type}: {event.failure.message}"
            failure.cause.CopyFrom(event.failure)
        failure.message = message
        self.failed(book, step, failure, "")

    def _close_child(self, step: Step) -> None:
        """What becomes of a child run that nobody waits for."""
        if step.child is None:
            return
        close = step.command.child.parent_close
        if close == "terminate":
            self._terminate(step.child.last)
        elif close != "abandon":
            self.cancel(step.child.last, "its parent has ended")

    def _deliver(self, book: Book, name: str) -> None:
        kept, awaiting = book.kept.get(name), book.awaiting.get(name)
        if kept and awaiting and not book.state.terminal:
            self._succeed(book, awaiting[0], kept.popleft())

    def _succeed(
        self, book: Book, step: Step, output: Payload | None = None, attempt: int = 0, worker: str = ""
    ) -> None:
        self._close(book, step)
        self._emit(book, "STEP_SUCCEEDED", step.id, attempt, payload=output, worker=worker)
        self._tell(book)

    def _give_up(self, book: Book, step: Step, failure: Failure, worker: str = "") -> None:
        self._close(book, step)
        self._locate(failure, step.id, step.attempt, worker)
        self._emit(book, "STEP_FAILED", step.id, step.attempt if worker else 0, failure=failure, worker=worker)
        self._close_child(step)
        self._tell(book)

    def _close(self, book: Book, step: Step) -> None:
        step.open = False
        if step.kind == "signal":
            book.awaiting[step.command.signal.signal].remove(step)

    def _ended(self, book: Book) -> None:
        for step in book.open_steps:
            step.open = False
            self._close_child(step)
        book.running.clear()
        if book.code is not None:
            book.code.drop()
        if book.continued_as is None:
            self._child_ended(book)

    def _news(self, book: Book) -> list[Event]:
        seen = 0 if book.code is None else book.code.seen
        return [event for event in book.events[seen:] if event.type in NEWS]

    def _tell(self, book: Book) -> None:
        if not book.due and not book.running and not book.state.terminal:
            book.due = True
            self.work.append((book, None, 0))

    def _emit(self, book: Book, type: str, step: str = "", attempt: int = 0, **facts: Any) -> None:
        book.emit(self.clock.now_us, type, step, attempt, **facts)

    def _locate(self, failure: Failure, step: str, attempt: int, worker: str = WORKER) -> None:
        failure.step, failure.attempt, failure.worker_id = step, attempt, worker
        failure.occur_time.FromMicroseconds(self.clock.now_us)


def policy_of(message: RetryPolicy, max_attempts: int) -> Policy:
    """The policy of a command; what is absent has the default."""
    spans = {f"{name}_s": getattr(message, name).ToMicroseconds() / 1e6 for name in ("initial", "max")}
    given = {name: getattr(message, name) for name in ("max_attempts", "backoff") if message.HasField(name)}
    given |= {f"{name}_s": spans[f"{name}_s"] for name in ("initial", "max") if message.HasField(name)}
    given.setdefault("max_attempts", max_attempts)
    return Policy(**given, non_retryable=tuple(message.non_retryable))


def _require_sound(code: Replay) -> None:
    problem = code.problem
    if problem is not None:
        if problem.type == NON_DETERMINISM:
            raise NonDeterminism(problem.message)
        raise StellwerkError(f"{problem.type}: {problem.message}")
