"""The logs of a run under faults, indexed for the checker: calls, effects and the times when something was broken.

Reads what tests/faults/records.py describes; judges nothing.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from sys import intern
from typing import Any

from tests.faults.records import (
    EFFECTS,
    FAULTS,
    INFO,
    INVOKE,
    OK,
    OPERATIONS,
    RESOURCES,
    RUN,
    Effect,
    Fault,
    Operation,
    Resource,
    read,
)

SECOND = 1_000_000
# A fault is felt for some time after it is over: connections come back, queues drain.
AFTERMATH = 3 * SECOND


@dataclass(frozen=True, slots=True)
class Call:
    """An operation from its beginning to its end; one that never ended has the kind `info` and no `ended_at`."""

    id: int
    client: str
    namespace: str
    f: str
    args: dict[str, Any]
    begun_at: int
    kind: str = INFO
    ended_at: int | None = None
    result: dict[str, Any] | None = None
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was acknowledged."""
        return self.kind == OK

    @property
    def run_id(self) -> str:
        """The run it is about: of a start the one it was told of."""
        return str((self.result or {}).get("run_id") or self.args.get("run_id") or "")

    def told(self, name: str) -> Any:
        """A field of the answer; None when there is none."""
        return (self.result or {}).get(name)


@dataclass(frozen=True, slots=True)
class Window:
    """When a fault was there; one that never ended lasts for ever."""

    id: int
    fault: str
    target: str
    begun_at: int
    ended_at: int


class Logs:
    """Everything that was written down."""

    def __init__(self, folder: Path) -> None:
        self.about = _about(folder)
        self.calls = _calls(read(folder, OPERATIONS, Operation))
        self.faults = list(read(folder, FAULTS, Fault))
        self.windows = _windows(self.faults)
        self._broken: dict[tuple[frozenset[str], int | None], tuple[list[int], list[int]]] = {}
        self.resources = list(read(folder, RESOURCES, Resource))
        self._by_run: dict[str, list[Call]] = defaultdict(list)
        for call in self.calls:
            if call.run_id:
                self._by_run[call.run_id].append(call)
        self._effects: dict[str, list[Effect]] = defaultdict(list)
        self.actions: set[str] = set()
        for effect in sorted(map(_small, read(folder, EFFECTS, Effect)), key=lambda e: e.at):
            self._effects[effect.run_id].append(effect)
            self.actions.add(effect.action)

    def of(self, f: str) -> list[Call]:
        """All calls of that kind, in the order they began."""
        return [call for call in self.calls if call.f == f]

    def about_run(self, run_id: str, *fs: str) -> list[Call]:
        """The calls of these kinds about a run."""
        return [call for call in self._by_run.get(run_id, ()) if call.f in fs]

    def effects(self, run_id: str) -> list[Effect]:
        """What handlers did for a run, in time."""
        return self._effects.get(run_id, [])

    def all_effects(self) -> Iterator[Effect]:
        """What handlers did, run by run."""
        for effects in self._effects.values():
            yield from effects

    def namespaces(self) -> dict[str, str]:
        """What the payloads of each namespace begin with, "a/" say."""
        named: dict[str, str] = self.about.get("namespaces") or {}
        names = {call.namespace for call in self.calls} | set(named)
        return {name: f"{named.get(name, name)}/" for name in names}

    def calm(
        self, begun_at: int, ended_at: int, *, but: frozenset[str] = frozenset(), fault: int | None = None
    ) -> bool:
        """Whether nothing was broken from one moment to the other, but for some kinds of faults and one of them."""
        if (but, fault) not in self._broken:
            windows = [w for w in self.windows if w.fault not in but and w.id != fault]
            until = accumulate((w.ended_at + AFTERMATH for w in windows), max)
            self._broken[but, fault] = ([w.begun_at for w in windows], list(until))
        begins, ends = self._broken[but, fault]
        # Of all that began before `ended_at` the one that lasts longest.
        place = bisect_right(begins, ended_at)
        return place == 0 or ends[place - 1] < begun_at


def _about(folder: Path) -> dict[str, Any]:
    path = folder / RUN
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _calls(operations: Iterable[Operation]) -> list[Call]:
    begun: dict[tuple[str, int], Operation] = {}
    calls: list[Call] = []
    for operation in operations:
        place = (operation.client, operation.id)
        if operation.kind == INVOKE:
            begun[place] = operation
            continue
        o = begun.pop(place, operation)
        answer = (operation.kind, operation.at, operation.result, operation.error)
        calls.append(Call(o.id, intern(o.client), intern(o.namespace), intern(o.f), o.args, o.at, *answer))
    calls += [Call(o.id, o.client, o.namespace, o.f, o.args, o.at) for o in begun.values()]
    return sorted(calls, key=lambda call: call.begun_at)


def _windows(faults: Iterable[Fault]) -> list[Window]:
    begun: dict[int, Fault] = {}
    over: dict[int, int] = {}
    for fault in faults:
        if fault.phase == "begin":
            begun[fault.id] = fault
        elif fault.phase == "recovered" or fault.id not in over:
            # What was got over is over: others serve until a killed server is there again.
            over[fault.id] = fault.at
    found = [Window(n, f.fault, f.target, f.at, over.get(n, 1 << 62)) for n, f in begun.items()]
    return sorted(found, key=lambda window: window.begun_at)


def _small(effect: Effect) -> Effect:
    """The same with texts that are kept once; there are hundreds of thousands."""
    worker, language, namespace = intern(effect.worker), intern(effect.language), intern(effect.namespace)
    run_id, step, action, phase = map(intern, (effect.run_id, effect.step, effect.action, effect.phase))
    return Effect(
        *(effect.at, worker, language, namespace, run_id, step),
        *(effect.attempt, action, phase, effect.value),
    )
