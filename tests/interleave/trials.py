"""Commands that meet in one setting: every schedule of them, each in a slot of its own, judged all at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any, NamedTuple

from stellwerk_server.model.errors import Unavailable
from tests.interleave.crew import NOW, Crew, Slot
from tests.interleave.exploring import Explorer
from tests.interleave.judging import Verdict
from tests.interleave.plays import Snapshot, Trace
from tests.interleave.scenes import Scene
from tests.interleave.sides import Work
from tests.interleave.stepping import Order
from tests.model import virtual
from tests.model.checks import Tables

_AT_ONCE = 6
# What a caller may do again and have twice: it takes what is there.
_TAKES_MORE = {"claim"}


class Result(NamedTuple):
    """What came of one schedule."""

    slot: Slot
    told: list[Any]
    how: str


class Trial:
    """The acts of that name in the scene, one a side."""

    def __init__(self, crew: Crew, scene: Scene, names: Sequence[str]) -> None:
        self._crew = crew
        self._scene = scene
        self._acts = [scene.acts[name] for name in names]
        self.names = tuple(names)
        self._slots: list[Slot] = []
        self._made = 0
        self._serial: list[Result] = []
        self._repeated: list[Result] = []
        self._played: list[Result] = []
        self.deadlocks: list[str] = []
        self.schedules = self.equal = 0
        crew.clear()

    async def serial_orders(self) -> None:
        """One after the other, in every order: what may come of it."""
        for order in sorted(set(permutations(range(len(self._acts))))):
            slot, works = await self._setting()
            told: list[Any] = [None] * len(works)
            for who in order:
                told[who] = await works[who](self._crew.sides[who])
            self._serial.append(Result(slot, told, "serial " + " ".join(self.names[who] for who in order)))

    async def explore(self, bound: int | None, *, walls: bool = True) -> None:
        """All schedules."""
        explorer = Explorer(bound, walls=walls)
        while explorer.next():
            slot, works = await self._setting()
            told, trace = await self._crew.stage.play(works, explorer.choose)
            explorer.learn(trace)
            self._note(slot, told, trace)
        self.schedules += explorer.explored
        self.equal += explorer.equal

    async def repeated_orders(self) -> None:
        """The first of two is sent twice: the serial orders of a caller that heard nothing."""
        for order in ((0, 0, 1), (0, 1, 0), (1, 0, 0)):
            slot, works = await self._setting()
            told: list[Any] = [None] * len(works)
            for number, who in enumerate(order):
                # The repeat goes to another server.
                again = who == 0 and 0 in order[:number]
                told[who] = await works[who](self._crew.sides[1 if again else who])
            self._repeated.append(Result(slot, told, f"repeated {order}"))

    async def faults(self) -> None:
        """The first side is cut at each boundary, and its last answer lost; then its caller asks the other server.

        The other side must have made the settings: what one knows of a run decides how many statements it needs.
        """
        place, last = 0, False
        while not last:
            slot, works = await self._setting()
            fault = _Fault(place, Order.CUT)
            told, trace = await self._crew.stage.play(works, fault.choose)
            last = not fault.struck
            await self._ask_again(slot, works, told, trace, fault)
            place += 1
        slot, works = await self._setting()
        fault = _Fault(place - 2, Order.LOSE)
        told, trace = await self._crew.stage.play(works, fault.choose)
        assert fault.struck, trace
        await self._ask_again(slot, works, told, trace, fault)

    async def _ask_again(self, slot: Slot, works: list[Work], told: list[Any], trace: Trace, fault: _Fault) -> None:
        if fault.struck:
            assert _unavailable(told[0]), (told, str(trace))
            victim, other = self._crew.sides[0], self._crew.sides[1]
            await victim.crash()
            await self._crew.stage.gone([victim.gate.pid])
            told[0] = await works[0](other)
        self.schedules += 1
        self._note(slot, told, trace)

    def endings(self) -> set[tuple[Any, ...]]:
        """All that the schedules came to."""
        verdict = self._verdict(self._tables())
        return {self._seen(verdict, result) for result in self._played}

    def judge(self) -> None:
        """Every schedule came to what a serial order comes to, and everything holds of what is there now."""
        tables = self._tables()
        verdict = self._verdict(tables)
        allowed: dict[tuple[Any, ...], str] = {}
        for result in self._serial:
            allowed.setdefault(self._seen(verdict, result), result.how)
        finals = {seen[-1] for seen in allowed}
        for result in self._repeated:
            seen = self._seen(verdict, result)
            assert seen[-1] in finals or self.names[0] in _TAKES_MORE, self._different(result, seen, allowed)
            allowed.setdefault(seen, result.how)
        for result in self._played:
            seen = self._seen(verdict, result)
            assert seen in allowed, self._different(result, seen, allowed)
        try:
            tables.check()
        except AssertionError as error:
            error.add_note("\n".join([f"{self._scene.name}: {self.names}", *map(_described, self._played)]))
            raise
        assert not self.deadlocks, (self._scene.name, self.names, self.deadlocks)

    def _tables(self) -> Tables:
        return Tables(self._crew.database, self._crew.workflow)

    def _verdict(self, tables: Tables) -> Verdict:
        database = self._crew.database
        return Verdict(tables, database.all("chunks"), database.all("idempotency_keys"))

    async def _setting(self) -> tuple[Slot, list[Work]]:
        if not self._slots:
            database = self._crew.database
            database.set_clock(virtual.START)
            self._slots = await self._crew.slots(self._scene.texts, self._made, _AT_ONCE)
            await self._scene.prepare(self._crew, self._slots)
            self._made += _AT_ONCE
            database.set_clock(NOW)
        slot = self._slots.pop(0)
        return slot, [act(slot) for act in self._acts]

    def _note(self, slot: Slot, told: list[Any], trace: Trace) -> None:
        self._played.append(Result(slot, told, str(trace)))
        if trace.deadlocks:
            self.deadlocks.append(str(trace))

    def _seen(self, verdict: Verdict, result: Result) -> tuple[Any, ...]:
        return (*(verdict.outcome(result.slot, told) for told in result.told), verdict.final(result.slot))

    def _different(self, result: Result, seen: tuple[Any, ...], allowed: dict[tuple[Any, ...], str]) -> str:
        shown = [f"{self._scene.name}: {self.names}", f"played: {result.how}", *seen, "", "allowed:"]
        for each, how in allowed.items():
            final = set(each[-1].splitlines()) ^ set(seen[-1].splitlines())
            shown += [f"- {how}: {each[:-1]}, rows that differ: {len(final)}", *sorted(final)]
        return "\n".join(shown)


class _Fault:
    """The first side goes up to a boundary, the others as far as they can; then it is struck there."""

    def __init__(self, place: int, order: Order) -> None:
        self._place = place
        self._order = order
        self.struck = False

    def choose(self, trace: Trace, candidates: tuple[int, ...], snapshot: Snapshot) -> tuple[int, Order]:
        """Who goes on, and how."""
        stands = 0 in candidates and not self.struck
        if stands and len(snapshot[0]) < self._place:
            return 0, Order.GO
        others = [who for who in candidates if who != 0]
        if others or not stands:
            return (others or list(candidates))[0], Order.GO
        self.struck = True
        return 0, self._order


def _described(result: Result) -> str:
    return f"runs {result.slot.runs}: {result.how} -> {result.told}"


def _unavailable(told: Any) -> bool:
    return all(isinstance(each, Unavailable) for each in (told if isinstance(told, list) else [told]))
