"""One run under faults from beginning to end: everything up, load, faults, healed, drained, measured, checked.

Whatever happens, nothing it started stays behind. Must not judge: the checker does.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.bare import random_of
from tests.faults.breaking import Breaker
from tests.faults.children import ROOT, Child
from tests.faults.ground import LEASE_S, NAMESPACES, SERVERS, WORKERS, Ground, languages_here
from tests.faults.load import CLIENTS, Load
from tests.faults.records import FAULTS, RESOURCES, RUN, Log, now
from tests.faults.resources import samples
from tests.faults.schedule import plan

WARM_S, QUIET_S = 5.0, 2.0
SAMPLE_EVERY_S = 10.0
DRAIN_S = 120.0
# What a server gives a worker's broken line before its tasks go out again.
GRACE_S = 1.5


@dataclass(frozen=True)
class Options:
    """What a run is given."""

    folder: Path
    seed: int
    duration_s: float
    clients: int = CLIENTS
    # Only these kinds of faults; empty: all.
    only: tuple[str, ...] = ()
    # How many times as often as in a full run.
    rate: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """What a run was, beside its logs."""

    left_open: int
    last_stories_failed: int
    surprises: Counter[str]
    # Faults that could not be done and parts of the load that fell over, with the error.
    failed: list[str]


class Trial:
    """One run."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self._options, self._say = options, say
        self._surprises: Counter[str] = Counter()
        self._failed: list[str] = []
        self._breaker: Breaker | None = None
        self.ground = Ground(options.folder, languages_here(), self._died)
        self._facts: dict[str, Any] = {}

    async def run(self, judge: Callable[[Path, str], Awaitable[None]]) -> Outcome:
        """All of it; `judge` is called with the logs' folder and the database while that is still there."""
        begun = now()
        self._write_facts(started_at=begun)
        try:
            await self.ground.up()
            load = Load(self.ground, self._options.seed, self._options.clients)
            outcome = await self._under_load(load)
            self._write_facts(started_at=begun, ended_at=now())
            await judge(self._options.folder, self.ground.dsn)
            return outcome
        finally:
            await self.ground.down()

    async def _under_load(self, load: Load) -> Outcome:
        resources, faults = Log(self._options.folder / RESOURCES), Log(self._options.folder / FAULTS)
        self._breaker = Breaker(self.ground, load.prober, faults, random_of(self._options.seed, "faults"))
        await load.prepare()
        self.ground.start_workers()
        await self._warm_up(load)
        self._sample(resources, "baseline")
        load.going.set()
        await self._break(resources)
        self._say(f"healed; {load.prober.answered} of {load.prober.asked} probes answered; draining")
        left = await load.finish(DRAIN_S)
        went = await load.close()
        self._failed += load.broken
        self._say("drained")
        await asyncio.gather(*(worker.stop() for worker in self.ground.workers))
        await asyncio.sleep(QUIET_S)
        self._sample(resources, "final")
        for log in (resources, faults):
            log.close()
        return Outcome(left, went.count(False), self._surprises, self._failed)

    async def _warm_up(self, load: Load) -> None:
        """Until a probe goes through; then some load, and quiet."""
        if await load.prober.next_ok(now(), 60.0) is None:
            raise RuntimeError("the cluster did not come up; see the folder's logs")
        await load.wait_for_code()
        load.start()
        await asyncio.sleep(WARM_S)
        load.going.clear()
        await asyncio.sleep(QUIET_S)

    async def _break(self, resources: Log) -> None:
        """The schedule: each fault begins at its moment, whatever else is broken then."""
        assert self._breaker is not None
        planned = [
            each
            for each in plan(self._options.duration_s, self._options.seed, self._options.rate)
            if not self._options.only or each.fault in self._options.only
        ]
        self._say(f"{len(planned)} faults in {self._options.duration_s:.0f} s, seed {self._options.seed}")
        begun_s, sampled_s = time.monotonic(), time.monotonic()
        under_way: list[asyncio.Task[None]] = []
        for each in planned:
            await asyncio.sleep(max(0.0, begun_s + each.after_s - time.monotonic()))
            under_way.append(asyncio.create_task(self._one(each.fault)))
            if time.monotonic() > sampled_s + SAMPLE_EVERY_S:
                sampled_s = time.monotonic()
                await asyncio.to_thread(self._sample, resources, "load")
        await asyncio.gather(*under_way)
        await asyncio.sleep(max(0.0, begun_s + self._options.duration_s - time.monotonic()))
        await self._breaker.settle()

    async def _one(self, fault: str) -> None:
        assert self._breaker is not None
        try:
            await self._breaker.do(fault)
        except Exception as error:  # one fault that fails is no reason to leave the others out; it is told at the end
            self._failed.append(f"{fault}: {type(error).__name__}: {error}")

    def _sample(self, resources: Log, phase: str) -> None:
        for sample in samples(self.ground, phase):
            resources.write(sample)

    def _died(self, child: Child, code: int) -> None:
        if self._breaker is None or not self._breaker.note_death(child, code):
            self._surprises[f"{child.name} ended with {code}"] += 1

    def _write_facts(self, **more: int) -> None:
        workers = Counter(language for _, language, _ in WORKERS if language in self.ground.languages)
        facts = {
            "seed": self._options.seed,
            "duration_s": self._options.duration_s,
            "namespaces": NAMESPACES,
            "lease_s": LEASE_S,
            "grace_s": GRACE_S,
            "servers": SERVERS,
            "workers": dict(workers),
            "revision": revision(),
            **more,
        }
        (self._options.folder / RUN).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def revision() -> str:
    """The commit of this checkout; empty when git does not say."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def say(text: str) -> None:
    """A line for whoever watches."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S', time.gmtime())} {text}\n")
    sys.stderr.flush()
