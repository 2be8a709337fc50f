"""What breaks in a run, when and for how long, out of its seed; and how everything heals."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import World


class Faults:
    """All faults of one run."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self.count = 0
        network, transport, redis = world.network, world.transport, world.redis
        network.breaking = random.choice([0.0, 0.0, 0.002, 0.01])
        network.slow = random.choice([0.0, 0.0, 0.02, 0.1])
        transport.losing = random.choice([0.0, 0.02, 0.1, 0.25])
        transport.slow = random.choice([0.0, 0.0, 0.02, 0.1])
        redis.losing = random.choice([0.0, 0.0, 0.3, 1.0])
        redis.doubling = random.choice([0.0, 0.3])
        redis.late = random.choice([0.0, 0.3])
        redis.lying = random.choice([0.0, 0.0, 0.5])
        redis.slow = random.choice([0.0, 0.0, 0.1])
        acts = (
            self._drop, self._drop, self._freeze, self._stop, self._cut, self._restart_database, self._cut_off_database,
            self._redis, self._kill_worker, self._kill_worker, self._freeze_worker, self._freeze_worker, self._cut_line,
        )  # fmt: skip
        # Few kinds at a time: what only happens between two kills must happen, too.
        self._acts = [random.choice(acts) for _ in range(random.randint(1, 5))]
        self._every_s = random.choice([1.5, 3.0, 8.0])

    async def run(self, until_s: float) -> None:
        """Break things until that moment, then heal everything."""
        loop = self._world.loop
        while (left_s := until_s - loop.time()) > 0:
            await asyncio.sleep(min(left_s, self._random.expovariate(1 / self._every_s)))
            if loop.time() < until_s:
                self.count += 1
                self._random.choice(self._acts)()
        self._heal()

    async def kill_workers(self, until_s: float) -> None:
        """The only fault while times are checked."""
        while (left_s := until_s - self._world.loop.time()) > 0:
            await asyncio.sleep(min(left_s, self._random.uniform(2.0, 5.0)))
            self.count += 1
            self._kill_worker()

    def _heal(self) -> None:
        world = self._world
        world.trace.note("everything heals")
        world.network.breaking = world.network.slow = world.transport.losing = world.transport.slow = 0.0
        # Hints may go on being lost and late: what is promised is promised without them.
        world.redis.slow = 0.0
        world.network.up = world.redis.up = True
        world.network.cut_off.clear()
        world.redis.cut_off.clear()
        for host in [*world.cluster.rooms, *(worker.host for worker in world.workers)]:
            if host.frozen:
                host.thaw()

    def _later(self, after_s: float, act: object, *values: object) -> None:
        self._world.loop.call_later(after_s, act, *values)  # type: ignore[arg-type]

    def _drop(self) -> None:
        if door := self._world.cluster.any_door(self._random):
            self._world.cluster.drop(door)

    def _freeze(self) -> None:
        if door := self._world.cluster.any_door(self._random):
            self._world.cluster.freeze(door, self._random.choice([0.5, 2.0, 5.0, 14.0]) * self._random.random())

    def _stop(self) -> None:
        if door := self._world.cluster.any_door(self._random):
            self._world.cluster.stop(door)

    def _cut(self) -> None:
        if door := self._world.cluster.any_door(self._random):
            self._world.trace.note(f"{door.host.name} loses its connections")
            self._world.network.cut(door.host)

    def _restart_database(self) -> None:
        network = self._world.network
        self._world.trace.note("the database restarts")
        network.up = False
        network.cut()
        if self._random.random() < 0.5:
            network.postgres.crash()
        self._later(self._random.choice([0.3, 2.0, 12.0]) * self._random.random(), setattr, network, "up", True)

    def _cut_off_database(self) -> None:
        if door := self._world.cluster.any_door(self._random):
            self._world.trace.note(f"{door.host.name} is cut off from the database")
            self._world.network.cut_off.add(door.host)
            self._later(self._random.uniform(0.5, 10.0), self._world.network.cut_off.discard, door.host)

    def _redis(self) -> None:
        redis, how = self._world.redis, self._random.randrange(4)
        if how == 0:
            redis.flush()
        elif how == 1:
            redis.break_channels()
        elif how == 2:
            redis.up = False
            self._later(self._random.uniform(0.5, 10.0), setattr, redis, "up", True)
        elif door := self._world.cluster.any_door(self._random):
            redis.cut_off.add(door.host)
            self._later(self._random.uniform(0.5, 10.0), redis.cut_off.discard, door.host)

    def _kill_worker(self) -> None:
        world = self._world
        if not world.workers:
            return
        worker = self._random.choice(world.workers)
        world.trace.note(f"{worker.name} is killed")
        world.workers.remove(worker)
        line = world.lines.get(worker.name)
        if line is not None and not line.broken.done() and not worker.host.frozen:
            world.watch.died[worker.name] = world.loop.time()
        worker.host.drop()
        self._later(self._random.uniform(0.1, 2.0), world.hire)

    def _freeze_worker(self) -> None:
        world = self._world
        if not world.workers:
            return
        worker = self._random.choice(world.workers)
        for_s = self._random.choice([1.0, 5.0, 25.0]) * self._random.random()
        world.trace.note(f"{worker.name} stands still for {for_s:.1f} s")
        worker.host.freeze()
        self._later(for_s, worker.host.thaw)

    def _cut_line(self) -> None:
        line = self._random.choice(list(self._world.lines.values()) or [None])
        if line is not None:
            self._world.trace.note("a line is cut")
            line.cut()
