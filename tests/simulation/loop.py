"""An event loop whose clock jumps to the next timer when nothing is ready, and hosts that can freeze or vanish on it.

Callbacks run in the order asyncio promises; what differs between seeds are the delays of everything hosts wait for.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")
HOST: contextvars.ContextVar[Host | None] = contextvars.ContextVar("host", default=None)


class Stuck(AssertionError):
    """Nothing is ready and nothing will ever be."""


class Host:
    """A machine: what runs in its context stands still while it is frozen, and never goes on once it is gone."""

    def __init__(self, loop: VirtualLoop, name: str, random: Random, *, skewed: bool = True) -> None:
        self.loop = loop
        self.name = name
        self.frozen = False
        self.gone = False
        self.held: deque[asyncio.Handle] = deque()
        self._begun: set[asyncio.Task[object]] = set()
        # Who is told when it is gone, by what they are.
        self.on_gone: dict[object, Callable[[], None]] = {}
        # Its clocks: the monotonic one began anywhere and runs a little fast or slow, the other one is a little off.
        self.booted_s = random.uniform(10.0, 100_000.0)
        self.rate = 1.0 + (random.uniform(-2e-4, 2e-4) if skewed else 0.0)
        self.off_s = random.uniform(-0.5, 0.5) if skewed else 0.0
        self._context = contextvars.copy_context()
        self._context.run(HOST.set, self)

    def spawn(self, work: Coroutine[Any, Any, T], name: str = "") -> asyncio.Task[T]:
        """Run it on this machine."""
        task = self.loop.create_task(work, name=f"{self.name} {name}", context=self._context.copy())
        task.add_done_callback(self.loop.ended)
        return task

    def begin(self, work: Coroutine[Any, Any, object], name: str = "") -> None:
        """Run it on this machine, until it ends or the machine does."""
        self._begun.add(self.spawn(work, name))

    def call_soon(self, function: Callable[..., Any], *values: Any) -> None:
        """Have this machine call it."""
        self.loop.call_soon(function, *values, context=self._context.copy())

    def freeze(self) -> None:
        """SIGSTOP."""
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT."""
        self.frozen = False
        self.loop.take_back(self.held)

    def drop(self) -> None:
        """kill -9: nothing of it runs any more, no `finally` either."""
        self.gone = True
        self.loop.graveyard.extend(self.held)
        self.held.clear()
        for told in list(self.on_gone.values()):
            told()
        self.on_gone.clear()


class VirtualLoop(asyncio.BaseEventLoop):
    """Time passes only when everybody waits."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        # What belongs to hosts that are gone is kept, so that nothing of it is closed in the middle of the run.
        self.graveyard: list[asyncio.Handle] = []
        # Told of what a host's task has died of.
        self.died: Callable[[str], None] = lambda what: None
        self._ready: deque[asyncio.Handle]
        self._scheduled: list[asyncio.TimerHandle]

    def time(self) -> float:
        """Seconds since the beginning of the run."""
        return self._now_s

    def ended(self, task: asyncio.Task[Any]) -> None:
        """A host's task is done; it may not end with an error."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.died(f"{task.get_name()}: {type(error).__name__}: {error}")

    def clear(self) -> None:
        """Nothing runs any more."""
        self._ready.clear()
        self._scheduled.clear()
        self.close()
        self.graveyard.clear()

    def take_back(self, handles: deque[asyncio.Handle]) -> None:
        """A host was thawed: what it should have done meanwhile it does now."""
        self._ready.extend(handles)
        handles.clear()

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """At once: a thread would take its own time."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def _run_once(self) -> None:
        self._let_time_pass()
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if handle.cancelled():
                continue
            host = _host_of(handle)
            if host is None or not (host.frozen or host.gone):
                handle._run()
            elif host.gone:
                self.graveyard.append(handle)
            else:
                host.held.append(handle)

    def _let_time_pass(self) -> None:
        scheduled = self._scheduled
        while scheduled and scheduled[0].cancelled():
            _unscheduled(heapq.heappop(scheduled))
        if not self._ready and not self._stopping:  # type: ignore[attr-defined]  # of BaseEventLoop
            if not scheduled:
                raise Stuck("nothing is ready and nobody waits for a moment")
            self._now_s = max(self._now_s, scheduled[0].when())
        while scheduled and scheduled[0].when() <= self._now_s:
            handle = heapq.heappop(scheduled)
            _unscheduled(handle)
            self._ready.append(handle)

    def _check_closed(self) -> None:
        """What dead hosts left behind may still call when it is collected; nothing comes of it."""

    def _write_to_self(self) -> None:
        """There is no other thread."""

    def _process_events(self, event_list: Any) -> None:
        """There are no sockets."""


def _host_of(handle: asyncio.Handle) -> Host | None:
    return handle._context.get(HOST)  # type: ignore[attr-defined, no-any-return]  # public from Python 3.12 on


def _unscheduled(handle: asyncio.TimerHandle) -> None:
    handle._scheduled = False  # type: ignore[attr-defined]  # what the base class does when it takes one
