"""The simulated servers: real rooms on hosts that can be dropped, frozen and stopped, and how others find them."""

from __future__ import annotations

import asyncio
from random import Random
from types import SimpleNamespace

from stellwerk_server.config import Config
from stellwerk_server.rooms import Rooms
from stellwerk_server.rpc import edge
from stellwerk_server.store.database import GONE
from tests.simulation.connections import Network
from tests.simulation.loop import Host, VirtualLoop
from tests.simulation.trace import Trace
from tests.simulation.transport import Door

_RESTART_S = 0.5
_DRAIN_S = 5.0


class Cluster:
    """All instances there are, each started anew when it went."""

    def __init__(self, loop: VirtualLoop, network: Network, trace: Trace, random: Random, config: Config) -> None:
        self._loop = loop
        self._network = network
        self._trace = trace
        self._random = random
        self._config = config
        self._count = 0
        self.doors: list[Door] = []
        self.rooms: dict[Host, Rooms] = {}

    def boot(self) -> Host:
        """A new instance begins to start."""
        self._count += 1
        host = Host(self._loop, f"server{self._count}", self._random)
        host.begin(self._run(host), "boot")
        return host

    def drop(self, door: Door) -> None:
        """kill -9; another one comes a moment later."""
        self._trace.note(f"{door.host.name} is killed")
        self._leave(door)
        door.host.drop()
        self._network.cut(door.host)
        self._loop.call_later(self._random.uniform(0.2, 3.0), self.boot)

    def freeze(self, door: Door, for_s: float) -> None:
        """SIGSTOP, and SIGCONT after a while."""
        self._trace.note(f"{door.host.name} stands still for {for_s:.1f} s")
        door.host.freeze()
        self._loop.call_later(for_s, self._thaw, door.host)

    def stop(self, door: Door) -> None:
        """A rolling restart: it drains and goes, another one comes."""
        self._trace.note(f"{door.host.name} drains")
        self._leave(door)
        door.host.begin(self._drain(door), "drain")
        self.boot()

    def any_door(self, random: Random, *, but: Door | None = None) -> Door | None:
        """One of the instances that take calls; another than `but` when there is one."""
        others = [door for door in self.doors if door is not but]
        return random.choice(others or self.doors) if self.doors else None

    async def _run(self, host: Host) -> None:
        while True:
            try:
                rooms = await Rooms.open(self._config)
                break
            except GONE:
                await asyncio.sleep(_RESTART_S)
        rooms.start()
        status = SimpleNamespace(version="simulated", started_at=0, draining=False, redis_up=False, max_payload_bytes=0)
        door = Door(host, edge.methods(rooms.servicers(status)))
        self.rooms[host] = rooms
        self.doors.append(door)
        self._trace.note("is up")

    async def _drain(self, door: Door) -> None:
        rooms = self.rooms[door.host]
        await rooms.drain()
        deadline = self._loop.time() + _DRAIN_S
        while door.ends and self._loop.time() < deadline:  # noqa: ASYNC110 - calls end one by one
            await asyncio.sleep(0.05)
        door.shut()
        await rooms.stop()
        self._trace.note("is stopped")
        door.host.drop()
        self._network.cut(door.host)

    def _thaw(self, host: Host) -> None:
        self._trace.note(f"{host.name} goes on")
        host.thaw()

    def _leave(self, door: Door) -> None:
        if door in self.doors:
            self.doors.remove(door)
        if door.host.frozen:
            door.host.thaw()
