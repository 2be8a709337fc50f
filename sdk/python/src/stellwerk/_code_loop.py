"""The event loop of one run of a workflow: callbacks in a row, timers that are durable, nothing else.

Must not know clocks, threads or sockets: the same events make it do the same, today and in a year.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakSet

if TYPE_CHECKING:
    from stellwerk._replay import Replay

_logger = logging.getLogger("stellwerk")

_set_running_loop = asyncio._set_running_loop
_get_running_loop = asyncio._get_running_loop
_NO_HOOKS: dict[str, Any] = {"firstiter": None, "finalizer": None}

# What asyncio offers and a replay cannot repeat.
_REFUSED = (
    *("run_in_executor", "call_soon_threadsafe", "run_forever", "run_until_complete", "set_default_executor"),
    *("getaddrinfo", "getnameinfo", "create_connection", "create_server", "create_unix_connection"),
    *("create_unix_server", "create_datagram_endpoint", "connect_accepted_socket", "start_tls", "sendfile"),
    *("subprocess_exec", "subprocess_shell", "connect_read_pipe", "connect_write_pipe"),
    *("add_reader", "remove_reader", "add_writer", "remove_writer", "add_signal_handler", "remove_signal_handler"),
    *("sock_recv", "sock_recv_into", "sock_recvfrom", "sock_sendall", "sock_sendto", "sock_connect", "sock_accept"),
)


class CodeTask(asyncio.Task[Any]):
    """A task of a workflow's code. Its hash is a count, so that sets of tasks have the same order in every replay."""

    __slots__ = ("_number",)

    def __init__(self, coroutine: Any, *, loop: RunLoop, context: contextvars.Context | None) -> None:
        self._number = loop.count()
        super().__init__(coroutine, loop=loop, context=context)
        # A run that is dropped while it waits is nobody's mistake.
        self._log_destroy_pending = False

    def __hash__(self) -> int:
        return self._number


class RunLoop(asyncio.AbstractEventLoop):
    """Runs what is ready until nothing is, or until the run's code has ended."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._ready: deque[asyncio.Handle] = deque()
        self._counted = 0
        self._tasks: WeakSet[CodeTask] | None = None

    def count(self) -> int:
        """The next number of a task or call."""
        self._counted += 1
        return self._counted

    def run(self) -> None:
        """Let the code go as far as it can. May be called inside another loop, and inside a task of that."""
        outer = _get_running_loop()
        task = asyncio.current_task(outer) if outer is not None else None
        hooks = sys.get_asyncgen_hooks()
        if task is not None and outer is not None:
            asyncio.tasks._leave_task(outer, task)
        sys.set_asyncgen_hooks(**_NO_HOOKS)
        _set_running_loop(self)
        try:
            self._run_ready()
        finally:
            _set_running_loop(outer)
            sys.set_asyncgen_hooks(*hooks)
            if task is not None and outer is not None:
                asyncio.tasks._enter_task(outer, task)

    def _run_ready(self) -> None:
        ready, replay = self._ready, self._replay
        while ready and not replay.over:
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def call_soon(  # type: ignore[override]  # the arguments are passed on, whatever they are
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Run the callback after what is ready already."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]  # the arguments are passed on, whatever they are
        self, delay: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """A durable timer: recorded as a sleep of the run."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]  # the arguments are passed on, whatever they are
        self, when: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """The same at a moment of `time()`."""
        handle = CodeTimer(when, callback, args, self, context)
        # Rounded: the difference of two floats is not what somebody wrote.
        delay_s = round(when - self.time(), 6)
        if delay_s <= 0:
            self._ready.append(handle)
        else:
            self._replay.set_timer(handle, delay_s)
        return handle

    def fire(self, timer: CodeTimer) -> None:
        """The timer is due."""
        self._ready.append(timer)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        if isinstance(handle, CodeTimer) and handle.step:
            self._replay.give_up(handle.step)

    def time(self) -> float:
        """Seconds since the run's start, as of what the code was told last."""
        return self._replay.elapsed_us / 1_000_000

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None, **_: Any) -> Any:
        """A task; what ctx gives runs already and stays what it is, so that it may be handed to `create_task` too."""
        if isinstance(coro, asyncio.Future):
            return coro
        task = CodeTask(coro, loop=self, context=context)
        if name is not None:
            task.set_name(name)
        if self._tasks is None:
            self._tasks = WeakSet()
        self._tasks.add(task)
        return task

    def close_tasks(self) -> None:
        """End what still waits, without letting it do anything."""
        outer = _get_running_loop()
        _set_running_loop(self)
        try:
            for task in list(self._tasks or ()):
                if not task.done():
                    _close(task)
        finally:
            _set_running_loop(outer)
        self._ready.clear()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Nobody looked at what a task or a callback raised: say it, once."""
        if self._replay.replaying or self._replay.over:
            return
        _logger.warning(
            "workflow %s, run %s: %s",
            *(self._replay.workflow, self._replay.run_id, context.get("message")),
            exc_info=context.get("exception"),
        )

    def get_debug(self) -> bool:
        """Never."""
        return False

    def is_running(self) -> bool:
        """True while the code runs."""
        return _get_running_loop() is self

    def is_closed(self) -> bool:
        """Never: a run's end needs no loop."""
        return False


class CodeTimer(asyncio.TimerHandle):
    """A timer of asyncio's that is a sleep of the run; `step` is the sleep's id, empty when it is due at once."""

    __slots__ = ("step",)

    def __init__(self, when: float, callback: Callable[..., Any], args: Any, loop: RunLoop, context: Any) -> None:
        super().__init__(when, callback, args, loop, context)
        self.step = ""


def _close(task: CodeTask) -> None:
    """Unwind a coroutine; what it raises or wants to wait for while it goes is of no interest any more."""
    coroutine: Any = task.get_coro()
    try:
        coroutine.close()
    except BaseException as error:  # whatever it is: the run is not here any more
        _logger.debug("unwinding %r raised %r", task, error)


def _refuse(name: str) -> Callable[..., NoReturn]:
    def refused(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError(f"{name} does not belong in a workflow's code: do it in a step or in ctx.run")

    return refused


for _name in _REFUSED:
    setattr(RunLoop, _name, _refuse(_name))
# The methods set above are what AbstractEventLoop declares.
RunLoop.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]
