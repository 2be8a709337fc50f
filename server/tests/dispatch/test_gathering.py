"""What is asked while a call is under way goes together in the next, and everybody gets their own answers."""

from __future__ import annotations

import asyncio

import pytest

from stellwerk_server.dispatch.gathering import Gathering


class Slow:
    """A call that answers when it is let."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.let = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, items: list[int]) -> list[str]:
        self.calls.append(items)
        await self.let.wait()
        if self.error is not None:
            raise self.error
        return [str(item) for item in items]


async def asked(gathering: Gathering[int, str], *questions: list[int]) -> list[asyncio.Task[list[str]]]:
    tasks = [asyncio.create_task(gathering.ask(items)) for items in questions]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_askers_share_calls_and_get_their_own_answers() -> None:
    slow = Slow()
    gathering = Gathering(slow, 100)
    first = await asked(gathering, [1])
    rest = await asked(gathering, [2, 3], [], [4])
    slow.let.set()
    assert await asyncio.gather(*first, *rest) == [["1"], ["2", "3"], [], ["4"]]
    assert slow.calls == [[1], [2, 3, 4]]
    assert await gathering.ask([5]) == ["5"]


async def test_a_call_is_bounded_but_one_asker_is_never_cut() -> None:
    slow = Slow()
    gathering = Gathering(slow, 3)
    tasks = await asked(gathering, [1], [2, 3], [4, 5], [6, 7, 8, 9])
    slow.let.set()
    assert await asyncio.gather(*tasks) == [["1"], ["2", "3"], ["4", "5"], ["6", "7", "8", "9"]]
    assert slow.calls == [[1, 2, 3], [4, 5], [6, 7, 8, 9]]


async def test_an_error_is_told_to_those_of_its_call_only() -> None:
    slow = Slow()
    gathering = Gathering(slow, 100)
    failing = await asked(gathering, [1], [2])
    slow.error = ValueError("lost")
    slow.let.set()
    for task in failing:
        with pytest.raises(ValueError, match="lost"):
            await task
    slow.error = None
    assert await gathering.ask([3]) == ["3"]


async def test_an_asker_who_leaves_takes_nothing_from_the_others() -> None:
    slow = Slow()
    gathering = Gathering(slow, 100)
    gone, stays = await asked(gathering, [1], [2])
    gone.cancel()
    slow.let.set()
    assert await stays == ["2"]
