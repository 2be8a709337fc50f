"""The worker: a set of handlers and the options they run with. Must not hold anything of a running loop."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from stellwerk import _telemetry
from stellwerk._channel import Tls, target
from stellwerk._life import Life, Settings
from stellwerk.errors import StellwerkError
from stellwerk.handler import HandlerPlan, plan
from stellwerk.workflow import WorkflowPlan, build_of, with_defined
from stellwerk.workflow import plan as workflow_plan

F = TypeVar("F", bound=Callable[..., Any])


class Worker:
    """Runs handlers for the tasks of their actions.

        worker = Worker()
        worker.register("step1", lambda payload: f"Processed: {payload}")

        @worker.handler("billing.charge")
        async def charge(order: Order, ctx: TaskContext) -> Receipt: ...

        worker.start()

    address    host:port (default: STELLWERK_ADDRESS, else 127.0.0.1:7400)
    token      bearer token (default: STELLWERK_TOKEN, else none)
    namespace  default: STELLWERK_NAMESPACE, else "default"
    tls        True, False or Tls(...) (default: STELLWERK_TLS on|off, else plain on loopback, TLS elsewhere)
    queue      the queue it serves (default "default")
    slots      how many tasks it runs at once, and how many threads sync handlers get (default 100)
    polls      how many polls are open while slots are free (default 3)
    worker_id  unique among live workers (default: host-pid-random)
    drain_s    seconds a stop waits for running handlers before it cancels them (default 30)
    build      which code the workflows are (default: STELLWERK_BUILD, else a digest of their source)
    pin_runs   runs stay on the build they began with while a worker of it is there (default False)
    cached_runs  how many waiting runs are kept, so that they need no replay (default 500)

    A handler is sync (runs in a thread) or async, takes `(input)` or `(input, ctx)`, and is typed by the
    annotation of its input: dataclass, TypedDict, pydantic model, or plain JSON without one. A generator,
    sync or async, streams each yield as a chunk; its output is what it returns, else the list of chunks
    (joined, when all are bytes). What it raises is the attempt's failure: TerminalError ends the step,
    RetryableError names the delay, anything else is retried by the step's policy. An output that cannot be
    written fails the step for good as "EncodeError", an input that does not fit as "InputError".
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        namespace: str | None = None,
        tls: Tls | bool | None = None,
        queue: str = "default",
        slots: int = 100,
        polls: int = 3,
        worker_id: str | None = None,
        drain_s: float = 30.0,
        build: str | None = None,
        pin_runs: bool = False,
        cached_runs: int = 500,
    ) -> None:
        self._target = target(address, token, namespace, tls)
        _telemetry.configure()
        self._settings = Settings(
            worker_id=worker_id or _fresh_id(),
            queue=queue,
            slots=_at_least("slots", slots, 1),
            polls=_at_least("polls", polls, 1),
            drain_s=_at_least("drain_s", drain_s, 0),
            build=build or os.environ.get("STELLWERK_BUILD", ""),
            pin_runs=pin_runs,
            cached_runs=_at_least("cached_runs", cached_runs, 0),
        )
        self._plans: dict[str, HandlerPlan] = {}
        self._workflows: dict[str, WorkflowPlan] = {}
        self._life: Life | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def worker_id(self) -> str:
        """The id the server knows this worker by."""
        return self._settings.worker_id

    @property
    def actions(self) -> list[str]:
        """The actions it has a handler for, sorted."""
        return sorted(self._plans)

    @property
    def workflows(self) -> list[str]:
        """The workflows it decides, sorted; those of `define_workflow` among them."""
        return sorted(with_defined(self._workflows))

    def register(self, action: str, handler: Callable[..., Any]) -> None:
        """Run `handler` for every task of `action`.

        Raises TypeError when the handler cannot be called with an input, or its annotation cannot be read
        from JSON; ValueError when the action has a handler already; StellwerkError while the worker runs.
        """
        if self._life is not None:
            raise StellwerkError(f"handler of {action!r}: register it before the worker is started")
        if action in self._plans:
            raise ValueError(f"handler of {action!r}: expected one, came a second")
        self._plans[action] = plan(action, handler)

    def handler(self, action: str) -> Callable[[F], F]:
        """Register the decorated function for `action`; it stays an ordinary function. Errors: `register`."""

        def decorate(function: F) -> F:
            self.register(action, function)
            return function

        return decorate

    def register_workflow(self, name: str, function: Callable[..., Any]) -> None:
        """Decide the runs of a workflow: `function` is `async def` of (ctx) or (ctx, input), typed as a handler is.

        Raises TypeError when it is not, ValueError when the name is taken, StellwerkError while the worker runs.
        """
        if self._life is not None:
            raise StellwerkError(f"workflow {name!r}: register it before the worker is started")
        if name in self._workflows:
            raise ValueError(f"workflow {name!r}: expected one, came a second")
        self._workflows[name] = workflow_plan(name, function)

    def workflow(self, name: str) -> Callable[[F], F]:
        """Register the decorated function as a workflow; it stays an ordinary function. Errors: `register_workflow`."""

        def decorate(function: F) -> F:
            self.register_workflow(name, function)
            return function

        return decorate

    def start(self) -> None:
        """Work until SIGTERM or SIGINT, then drain; blocks. A second signal ends the drain at once.

        Raises StellwerkError without a handler. Inside an event loop use `await worker.run()`.
        """
        asyncio.run(self._run_with_signals())

    async def run(self) -> None:
        """Work until `stop` is called, then drain. Cancelling it cancels the handlers and leaves quickly.

        Installs no signal handlers. Raises StellwerkError without a handler, or when it runs already.
        """
        workflows = with_defined(self._workflows)
        if not self._plans and not workflows:
            raise StellwerkError("handlers: expected at least one (worker.register), came none")
        if self._life is not None:
            raise StellwerkError("the worker runs already")
        self._loop = asyncio.get_running_loop()
        settings = replace(self._settings, build=self._settings.build or build_of(workflows))
        self._life = Life(self._target, settings, self._plans, workflows)
        try:
            await self._life.live()
        finally:
            self._life = self._loop = None

    def stop(self) -> None:
        """Begin the drain: running tasks may end, no new ones come. From any thread; twice cuts it short."""
        life, loop = self._life, self._loop
        if life is not None and loop is not None:
            loop.call_soon_threadsafe(life.stop)

    async def _run_with_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for name in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(name, self.stop)
        await self.run()


N = TypeVar("N", int, float)


def _at_least(name: str, value: N, least: int) -> N:
    if not value >= least:
        raise ValueError(f"{name}: expected a number >= {least}, came {value!r}")
    return value


def _fresh_id() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
