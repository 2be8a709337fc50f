"""What clients do, one small story a feature: each starts runs, does what its feature needs and sees them end.

A story may be cut off by GivenUp at any point; what it leaves open is tended at the end. Must not know any fault.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from stellwerk.v1 import dead_letter_pb2
from tests.faults.caller import Caller, Ended
from tests.faults.definitions import CODE, ITEMS

LOOK_S = 0.2
PARKED_S = 40.0


class Stories:
    """The stories of one client. `strange` gives a run of the other namespace, `languages` those that are built."""

    def __init__(self, caller: Caller, languages: list[str], started: Callable[[str, str], None]) -> None:
        self._caller = caller
        self._chance = caller.chance
        self._started = started
        self._codes = [CODE[language] for language in languages]
        self.strange: Callable[[], str | None] = lambda: None

    async def any(self) -> None:
        """One story, by weight."""
        names, weights = zip(*WEIGHTS.items(), strict=True)
        story: Callable[[], Awaitable[None]] = getattr(self, self._chance.choices(names, weights)[0])
        await story()

    async def closing(self) -> bool:
        """The last one, when all is healed: everything in it must be acknowledged."""
        began = await self._begin("sequence")
        if not began:
            return False
        ended = await self._caller.wait(began)
        return ended.ok and ended.result["state"] == "SUCCEEDED"

    async def sequence(self) -> None:
        await self._to_end("sequence")

    async def diamond(self) -> None:
        await self._to_end("diamond")

    async def each(self) -> None:
        items = [f"{self._caller.taint}/item/{number}" for number in range(self._chance.randint(ITEMS, ITEMS * 3))]
        await self._to_end("each", items=items)

    async def nap(self) -> None:
        await self._to_end("nap", sleep_s=round(self._chance.uniform(0.05, 4.0), 2))

    async def late(self) -> None:
        await self._to_end("late")

    async def brief(self) -> None:
        await self._to_end("brief")

    async def choice(self) -> None:
        await self._to_end("choice", flag=self._chance.random() < 0.5)

    async def crashing(self) -> None:
        await self._to_end("crashing")

    async def bare(self) -> None:
        await self._to_end("bare")

    async def parent(self) -> None:
        items = [f"{self._caller.taint}/item/{number}" for number in range(3)]
        await self._to_end("parent", items=items)

    async def code(self) -> None:
        """A code workflow in one of the languages that are here."""
        if not self._codes:
            return
        signal = self._chance.random() < 0.3
        given = self._caller.input(
            turns=self._chance.choice([1, 1, 3]),
            sleep_s=round(self._chance.uniform(0.0, 1.0), 2),
            signal=signal,
            child=self._chance.random() < 0.3,
        )
        run_id = await self._begin(self._chance.choice(self._codes), given)
        if not run_id:
            return
        if signal:
            if self._chance.random() < 0.5:
                await asyncio.sleep(self._chance.random())
            await self._caller.signal(run_id, "go", uuid.uuid4().hex, self._caller.value())
        if self._chance.random() < 0.1:
            await self._caller.end("cancel", run_id)
        await self._see(run_id)

    async def parked(self) -> None:
        """Park, requeue, park again, discard; each of them twice."""
        run_id = await self._begin("parked")
        if not run_id:
            return
        for how in ("requeue", "discard"):
            letters = await self._parked(run_id)
            for letter in letters:
                await asyncio.gather(self._caller.settle(how, letter), self._caller.settle(how, letter))
        await self._see(run_id)

    async def doomed(self) -> None:
        """Fail, fork, fail again; the dead letter of the fork is requeued, which forks once more."""
        run_id = await self._begin("doomed")
        if not run_id or not (await self._see(run_id)).ok:
            return
        forked = await self._caller.retry(run_id)
        if not forked.ok:
            return
        self._started(self._caller.namespace, forked.result["run_id"])
        await self._see(forked.result["run_id"])
        for letter in await self._caller.letters(forked.result["run_id"]):
            again = await self._caller.settle("requeue", letter)
            if again.ok:
                await self._see(again.result["run_id"])

    async def told(self) -> None:
        """Two signals in order, each sent twice; sometimes before anybody waits, with the start, or by key."""
        first = ("go", uuid.uuid4().hex, self._caller.value())
        more: dict[str, Any] = {"signal": first} if self._chance.random() < 0.3 else {}
        by = ("told", uuid.uuid4().hex) if self._chance.random() < 0.5 else ("", "")
        run_id = await self._begin("told", **more, **({"key": by[1]} if by[1] else {}))
        if not run_id:
            return
        if self._chance.random() < 0.5:
            await asyncio.sleep(self._chance.random())
        await self._caller.signal(run_id, *first, by)
        second = ("go", uuid.uuid4().hex, self._caller.value())
        await asyncio.gather(self._caller.signal(run_id, *second, by), self._caller.signal(run_id, *second))
        await self._see(run_id)

    async def raced(self) -> None:
        """Cancel and terminate, at once and while completions come in."""
        run_id = await self._begin(self._chance.choice(["sequence", "diamond", "long"]))
        if not run_id:
            return
        await asyncio.sleep(self._chance.random() * 0.3)
        ways = self._chance.choice([["cancel"], ["terminate"], ["cancel", "terminate"], ["cancel", "cancel"]])
        await asyncio.gather(*(self._caller.end(how, run_id) for how in ways))
        await self._see(run_id)

    async def keyed(self) -> None:
        """One key: twice at once, once again, and with another input."""
        key, given = uuid.uuid4().hex, self._caller.input()
        both = await asyncio.gather(*(self._caller.start("sequence", given, key=key) for _ in range(2)))
        await self._caller.start("sequence", given, key=key)
        await self._caller.start("sequence", self._caller.input(), key=key)
        for began in both:
            if began.ok:
                self._started(self._caller.namespace, began.result["run_id"])
                await self._see(began.result["run_id"])

    async def peek(self) -> None:
        """Ask for what is not ours."""
        if run_id := self.strange():
            await self._caller.peek(run_id)

    async def _to_end(self, workflow: str, **more: Any) -> None:
        run_id = await self._begin(workflow, self._caller.input(**more))
        if run_id:
            await self._see(run_id)

    async def _begin(self, workflow: str, given: Any = None, **more: Any) -> str:
        """The id of a run of it that was acknowledged; sometimes under a key, sometimes asked for twice."""
        if self._chance.random() < 0.3:
            more.setdefault("key", uuid.uuid4().hex)
        began = await self._caller.start(workflow, given, **more)
        run_id: str = began.result.get("run_id", "")
        if run_id:
            self._started(self._caller.namespace, run_id)
        return run_id

    async def _see(self, run_id: str) -> Ended:
        """Wait for the run's end, and read it then; one that goes on as another is followed."""
        while True:
            ended = await self._caller.wait(run_id)
            if not ended.ok or not ended.result["ended"]:
                return ended
            await self._caller.get(run_id)
            if "continued_as" not in ended.result:
                return ended
            run_id = ended.result["continued_as"]
            self._started(self._caller.namespace, run_id)

    async def _parked(self, run_id: str) -> list[dead_letter_pb2.DeadLetter]:
        """The dead letters of a run, once it has some or has ended."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + PARKED_S
        while loop.time() < until_s:
            if letters := await self._caller.letters(run_id):
                return letters
            await asyncio.sleep(LOOK_S)
        return []


# How often each story is told, in parts of the whole.
WEIGHTS = {
    "sequence": 12,
    "diamond": 10,
    "each": 18,
    "nap": 6,
    "late": 3,
    "brief": 2,
    "choice": 6,
    "crashing": 0.3,
    "bare": 8,
    "parent": 5,
    "code": 14,
    "parked": 4,
    "doomed": 4,
    "told": 8,
    "raced": 8,
    "keyed": 8,
    "peek": 4,
}
