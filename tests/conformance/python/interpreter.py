"""The Python worker of the conformance cases: its handlers run the program they get as input.

Must not know any case: what a program may say stands in tests/conformance/README.md.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from calls import Clients
from decide import Decider
from programs import Folder, Ops, Request, Waiting, perform_ops

from stellwerk import TaskCancelled, TaskContext, Worker

LOOK_S = 0.02
_NEVER = threading.Event()


class Interpreter:
    """The three handlers: each answers what `perform_ops` asks for in the way of its kind."""

    def __init__(self, folder: Folder, clients: Clients) -> None:
        self._folder = folder
        self._clients = clients

    async def perform(self, program: Any, ctx: TaskContext) -> Any:
        """The usual handler: asynchronous."""
        ops = perform_ops(program, ctx, self._folder)
        step, answer = ops.send, None
        while True:
            try:
                request = step(answer)
            except StopIteration as end:
                return end.value
            step, answer = await self._answer(ops, request, ctx)

    async def generate(self, program: Any, ctx: TaskContext) -> AsyncIterator[Any]:
        """An asynchronous generator of what the program yields."""
        ops = perform_ops(program, ctx, self._folder)
        step, answer = ops.send, None
        while True:
            try:
                request = step(answer)
            except StopIteration:
                return
            step, answer = ops.send, None
            if request.kind == "yield":
                yield request.value
            else:
                step, answer = await self._answer(ops, request, ctx)

    def block(self, program: Any, ctx: TaskContext) -> Any:
        """A plain function: in a thread of its own."""
        ops = perform_ops(program, ctx, self._folder)
        step, answer = ops.send, None
        while True:
            try:
                request = step(answer)
            except StopIteration as end:
                return end.value
            try:
                step, answer = ops.send, self._blocked(request, ctx)
            except BaseException as error:  # the program decides what a cancel means
                step, answer = ops.throw, error

    async def _answer(self, ops: Ops, request: Request, ctx: TaskContext) -> tuple[Any, Any]:
        """How the program goes on: with the answer, or with an error, and it decides what a cancel means."""
        try:
            return ops.send, await self._awaited(request, ctx)
        except BaseException as error:
            return ops.throw, error

    async def _awaited(self, request: Request, ctx: TaskContext) -> Any:
        match request.kind:
            case "stream":
                return await ctx.stream(request.value)
            case "client":
                return await self._clients.outcome(request.value, ctx)
            case "cancelled":
                return await ctx.cancelled
            case "sleep":
                return await asyncio.sleep(request.value)
        return await _patiently(request.value)

    def _blocked(self, request: Request, ctx: TaskContext) -> Any:
        match request.kind:
            case "stream":
                return ctx.stream(request.value)
            case "client":
                return asyncio.run(Clients(shared=False).outcome(request.value, ctx))
            case "cancelled":
                return _hold(lambda: bool(ctx.cancelled))
            case "sleep":
                return _sleep(request.value, ctx)
        return _hold(request.value)


def _sleep(seconds: float, ctx: TaskContext) -> None:
    """As a blocking handler sleeps that wants to hear of its cancel."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        if ctx.cancelled:
            raise TaskCancelled(ctx.cancelled.reason)
        _NEVER.wait(LOOK_S)


def _hold(ready: Waiting) -> None:
    while not ready():
        _NEVER.wait(LOOK_S)


async def _patiently(ready: Waiting) -> None:
    """Wait until it is true, whatever is cancelled meanwhile."""
    while not ready():
        try:
            await asyncio.sleep(LOOK_S)
        except asyncio.CancelledError:
            continue


def worker_options() -> dict[str, Any]:
    """The worker options the environment names."""
    kinds: dict[str, Callable[[str], Any]] = {
        "slots": int,
        "polls": int,
        "drain_s": float,
        "worker_id": str,
        "cached_runs": int,
        "build": str,
        "pin_runs": bool,
    }
    named = {name: os.environ.get(f"CONFORMANCE_{name.upper()}") for name in kinds}
    return {name: kinds[name](text) for name, text in named.items() if text}


def main() -> None:
    folder = Path(os.environ["CONFORMANCE_FOLDER"])
    interpreter = Interpreter(Folder(folder), Clients())
    decider = Decider(folder)
    worker = Worker(queue=os.environ["CONFORMANCE_QUEUE"], **worker_options())
    for action in os.environ.get("CONFORMANCE_ACTIONS", "perform,generate,block").split(","):
        kind = action if action in ("generate", "block") else "perform"
        if action != "none":
            worker.register(action, getattr(interpreter, kind))
    for workflow in filter(None, os.environ.get("CONFORMANCE_WORKFLOWS", "").split(",")):
        worker.register_workflow(workflow, decider.decide)
    worker.start()


if __name__ == "__main__":
    main()
