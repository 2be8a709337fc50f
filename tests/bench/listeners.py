"""The part that is many clients of one run's event stream, over bare sockets. Must not ask the server anything else.

Each checks that it is told every event once and in order.
"""

import asyncio
import json
import re
import time
from datetime import datetime
from typing import Any

import uvloop

from tests.bench.child import say, settings

EVENT = re.compile(rb"id: (\d+)\nevent: (event|end)\ndata: ([^\n]*)\n\n")


class Listener(asyncio.Protocol):
    """One client."""

    def __init__(self, head: bytes, times: dict[int, float], delays_ms: list[float]) -> None:
        self._head = head
        self._times = times
        self._delays_ms = delays_ms
        self._left = b""
        self._last = 0
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: Any) -> None:
        transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        data = self._left + data
        if not self.ready.done() and b"event: ready" in data:
            self.ready.set_result(None)
        end = 0
        for found in EVENT.finditer(data):
            end = found.end()
            if found[2] == b"end":
                self.ended.set_result(None)
            else:
                self._hear(int(found[1]), found[3], now)
        self._left = data[end:]

    def connection_lost(self, exc: Exception | None) -> None:
        for awaited in (self.ready, self.ended):
            if not awaited.done():
                awaited.set_exception(exc or EOFError(f"the stream was cut after {self._last} events: {self._left!r}"))

    def _hear(self, sequence: int, data: bytes, now: float) -> None:
        if sequence != self._last + 1:
            self.ended.set_exception(ValueError(f"expected event {self._last + 1}, came {sequence}"))
        self._last = sequence
        at = self._times.get(sequence)
        if at is None:
            at = self._times[sequence] = datetime.fromisoformat(json.loads(data)["time"]).timestamp()
        if self.ready.done() and sequence > 2:
            self._delays_ms.append((now - at) * 1000)


async def listen(address: str, run_id: str, clients: int) -> None:
    host, port = address.rsplit(":", 1)
    head = f"GET /api/runs/{run_id}/events HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n".encode()
    times: dict[int, float] = {}
    delays_ms: list[float] = []
    loop = asyncio.get_running_loop()
    listeners = []
    for _ in range(clients):
        _, listener = await loop.create_connection(lambda: Listener(head, times, delays_ms), host, int(port))
        listeners.append(listener)
    await asyncio.gather(*[listener.ready for listener in listeners])
    say(listening=clients)
    await asyncio.gather(*[listener.ended for listener in listeners])
    delays_ms.sort()
    shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
    places = {name: min(len(delays_ms) - 1, int(share * len(delays_ms))) for name, share in shares.items()}
    say(events=len(delays_ms), **{name: round(delays_ms[place], 1) for name, place in places.items()})


if __name__ == "__main__":
    uvloop.run(listen(**settings()))
