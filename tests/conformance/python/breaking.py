"""Code that breaks the rules of workflow code, each rule in Python's way. What comes back is an outcome, or nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from calls import KEPT

from stellwerk import WorkflowContext

HOUR = timedelta(hours=1)


async def _foreign_await(ctx: WorkflowContext, op: Mapping[str, Any]) -> None:
    await asyncio.get_running_loop().create_future()


async def _block(ctx: WorkflowContext, op: Mapping[str, Any]) -> None:
    until_s = time.monotonic() + op["s"]
    while time.monotonic() < until_s:
        pass


async def _keep_ctx(ctx: WorkflowContext, op: Mapping[str, Any]) -> None:
    KEPT.append(ctx)


async def _from_thread(ctx: WorkflowContext, op: Mapping[str, Any]) -> dict[str, Any]:
    outcomes: list[dict[str, Any]] = []

    def call() -> None:
        try:
            asyncio.run(_called(ctx))
            outcomes.append({"ok": None})
        except Exception as error:
            outcomes.append({"error": {"kind": type(error).__name__, "message": str(error)}})

    thread = threading.Thread(target=call, name="stranger")
    thread.start()
    thread.join()
    return outcomes[0]


async def _called(ctx: WorkflowContext) -> None:
    await ctx.step("perform", {"do": []})


async def _too_many(ctx: WorkflowContext, op: Mapping[str, Any]) -> None:
    await asyncio.gather(*(ctx.sleep(HOUR) for _ in range(op["times"])))


BREAKS: dict[str, Callable[[WorkflowContext, Mapping[str, Any]], Awaitable[dict[str, Any] | None]]] = {
    "foreign_await": _foreign_await,
    "block": _block,
    "keep_ctx": _keep_ctx,
    "from_thread": _from_thread,
    "too_many": _too_many,
}
