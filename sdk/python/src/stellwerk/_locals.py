"""Runs local steps: functions that code wants to be run by its own worker, again and again while their policy allows.

Must not send anything: the outcome goes to whoever asked, as the command that records it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stellwerk._failure import failure_of
from stellwerk._replay import LocalStep
from stellwerk._span import seconds
from stellwerk._threads import ThreadPool
from stellwerk.payload import PAYLOAD_BYTES_MAX, fill
from stellwerk.v1.payload_pb2 import FAILURE_CATEGORY_LIMIT, Failure
from stellwerk.v1.worker_pb2 import Command

_logger = logging.getLogger("stellwerk")

ATTEMPTS_MAX = 4

Done = Callable[[LocalStep, Command], None]
_Work = tuple[Callable[[], Any], "asyncio.Future[Any]"]


@dataclass(frozen=True, slots=True)
class Policy:
    """When a failed try is followed by another; the defaults are those of steps."""

    max_attempts: int = ATTEMPTS_MAX
    initial_s: float = 1.0
    backoff: float = 2.0
    max_s: float = 60.0
    jitter: float = 0.2
    non_retryable: Sequence[str] = ()

    @classmethod
    def of(cls, options: Mapping[str, Any] | None) -> Policy:
        """The policy of `retry` options."""
        if not options:
            return _DEFAULT
        given = {key: options[key] for key in ("max_attempts", "backoff", "jitter", "non_retryable") if key in options}
        given |= {f"{key}_s": seconds(options[key], f"retry.{key}") for key in ("initial", "max") if key in options}
        return cls(**given)

    def delay_s(self, failure: Failure, attempt: int, spread: float) -> float | None:
        """Seconds until the next try, None when there is none; `spread` is from -1 to 1."""
        if failure.terminal or failure.type in self.non_retryable or attempt >= self.max_attempts:
            return None
        if failure.HasField("retry_after"):
            return failure.retry_after.ToNanoseconds() / 1e9
        try:
            base_s = min(self.initial_s * self.backoff ** (attempt - 1), self.max_s)
        except OverflowError:
            base_s = self.max_s
        return max(0.0, min(base_s * (1.0 + self.jitter * spread), self.max_s))


_DEFAULT = Policy()


class Locals:
    """Async functions run on the worker's loop, others in threads."""

    def __init__(self, threads: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._threads: ThreadPool[_Work] = ThreadPool(self._work, threads, "stellwerk-local")
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._collect_due = False

    def begin(self, step: LocalStep, done: Done) -> asyncio.Task[None]:
        """Run the step; `done` gets the command that records its end, unless the task is cancelled before."""
        return self._loop.create_task(self._run(step, done), name=f"local step {step.step}")

    def close(self) -> None:
        """Let idle threads end."""
        self._threads.close()

    async def _run(self, step: LocalStep, done: Done) -> None:
        policy = Policy.of(step.retry)
        command = Command(step=step.step)
        attempt = 0
        while True:
            attempt += 1
            command.local.start_time.FromNanoseconds(time.time_ns())
            failure = await self.try_once(step, command)
            delay_s = None if failure is None else policy.delay_s(failure, attempt, random.uniform(-1.0, 1.0))
            if failure is None or delay_s is None:
                break
            _logger.info("local step %s, try %d failed: %s: %s", step.step, attempt, failure.type, failure.message)
            await asyncio.sleep(delay_s)
        command.local.attempts = attempt
        if failure is not None:
            command.local.failure.CopyFrom(failure)
        done(step, command)

    async def try_once(self, step: LocalStep, command: Command) -> Failure | None:
        """One call; its output is in the command when nothing went wrong."""
        try:
            fill(command.local.output, await self._call(step.function))
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return failure_of(error)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # whatever it is, it is how the step has failed
            return failure_of(error)
        size = command.local.output.ByteSize()
        if size <= PAYLOAD_BYTES_MAX:
            return None
        message = f"output: expected at most {PAYLOAD_BYTES_MAX} bytes, came {size}"
        return Failure(type="PayloadTooLarge", message=message, category=FAILURE_CATEGORY_LIMIT, terminal=True)

    async def _call(self, function: Callable[[], Any]) -> Any:
        if inspect.iscoroutinefunction(function):
            return await function()
        ended: asyncio.Future[Any] = self._loop.create_future()
        self._threads.submit((function, ended))
        output = await ended
        return await output if inspect.isawaitable(output) else output

    def _work(self, work: _Work) -> None:
        """In a thread: call it and leave what came of it for the loop."""
        function, ended = work
        try:
            self._done.append((ended, function(), None))
        except BaseException as error:  # whatever it is, it must not end the thread
            self._done.append((ended, None, error))
        if not self._collect_due:
            self._collect_due = True
            try:
                self._loop.call_soon_threadsafe(self._collect)
            except RuntimeError:
                _logger.debug("a local step ended after its worker had stopped; it will run again")

    def _collect(self) -> None:
        """Take what threads have finished, all of it in one turn of the loop."""
        self._collect_due = False
        while self._done:
            ended, output, error = self._done.popleft()
            if ended.done():
                continue
            if error is None:
                ended.set_result(output)
            else:
                ended.set_exception(error if not isinstance(error, StopIteration) else RuntimeError(repr(error)))
