"""Natural batching of small questions: what is asked while one call is under way goes together in the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


class Gathering(Generic[_T, _R]):
    """Turns many askers into few calls. `call` gets items and gives an answer for each, in their order."""

    def __init__(self, call: Callable[[list[_T]], Awaitable[list[_R]]], most: int) -> None:
        self._call = call
        self._most = most
        self._waiting: list[tuple[Sequence[_T], asyncio.Future[list[_R]]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, items: Sequence[_T]) -> list[_R]:
        """The answers to these items; raises what the call raised."""
        answers: asyncio.Future[list[_R]] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, answers))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="gathering")
        return await answers

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._round(self._take())
        finally:
            self._task = None

    def _take(self) -> list[tuple[Sequence[_T], asyncio.Future[list[_R]]]]:
        """At least one asker, and more while there is room."""
        size, count = 0, 0
        for items, _ in self._waiting:
            size += len(items)
            if count and size > self._most:
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _round(self, askers: list[tuple[Sequence[_T], asyncio.Future[list[_R]]]]) -> None:
        try:
            answers = await self._call([item for items, _ in askers for item in items])
        except Exception as error:
            for _, answer in askers:
                if not answer.done():
                    answer.set_exception(error)
            return
        place = 0
        for items, answer in askers:
            if not answer.done():
                answer.set_result(answers[place : place + len(items)])
            place += len(items)
