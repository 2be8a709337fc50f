"""What a local step of the code workflow does: a few ops, run here, not recorded one by one.

Must not know ctx: it is what the code does outside.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from programs import fail, make

LOOK_S = 0.02


class Local:
    """Local steps of all runs of this worker; counts the tries of each since the worker began."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tries: Counter[tuple[str, str]] = Counter()

    def performed(self, run_id: str, name: str, ops: list[Any], value: Any) -> Callable[[], Awaitable[Any]]:
        """The function that ctx.run gets."""

        async def perform() -> Any:
            self._tries[run_id, name] += 1
            attempt = self._tries[run_id, name]
            for op in ops:
                if not op.get("from", 1) <= attempt <= op.get("upto", attempt):
                    continue
                if op["op"] == "make":
                    return make(op["kind"], int(op.get("size", 0)))
                if op["op"] == "return":
                    return op.get("value", value)
                await self._act(op, run_id, name, attempt)
            return None

        return perform

    async def _act(self, op: Any, run_id: str, name: str, attempt: int) -> None:
        match op["op"]:
            case "fail":
                fail(op)
            case "sleep":
                await asyncio.sleep(op["s"])
            case "await":
                while not (self._folder / op["latch"]).exists():  # noqa: ASYNC110 a file sets no event
                    await asyncio.sleep(LOOK_S)
            case "note":
                with (self._folder / "notes").open("a", encoding="utf-8") as notes:
                    notes.write(f"python {run_id} {name} {attempt} {op['text']}\n")
            case "die":
                die_once(self._folder / op["once"])


def die_once(latch: Path) -> None:
    """As kill -9 does, unless somebody has died at this latch before."""
    try:
        latch.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), 9)
