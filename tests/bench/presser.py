"""The part that starts runs over HTTP, over bare sockets, so that the client costs as little as it can."""

import asyncio
import itertools
import time
from typing import Any

import uvloop

from tests.bench.child import say, settings

BODY = b'{"input": {"total": 12, "email": "a@example.org"}}'


class Connection(asyncio.Protocol):
    """One connection: the next start is sent when the last is answered, until the time is over."""

    def __init__(self, address: str, numbers: "itertools.count[int]", delays_ms: list[float]) -> None:
        self._head = (
            f"POST /api/workflows/waiting/trigger HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(BODY)}\r\nIdempotency-Key: "
        ).encode()
        self._numbers = numbers
        self._delays_ms = delays_ms
        self._sent_s = 0.0
        self._left = b""
        self._transport: Any = None
        self.over = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        data = self._left = self._left + data
        if not data.endswith(b"}"):
            return
        self._left = b""
        if not data.startswith(b"HTTP/1.1 201 "):
            self.done.set_exception(ValueError(f"expected a 201, came {data[:400]!r}"))
            self._transport.close()
            return
        self._delays_ms.append((time.perf_counter() - self._sent_s) * 1000)
        if self.over:
            self.done.set_result(None)
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or EOFError("the connection was cut"))

    def _send(self) -> None:
        self._sent_s = time.perf_counter()
        self._transport.write(self._head + b"k-%d\r\n\r\n" % next(self._numbers) + BODY)


async def press(address: str, connections: int, seconds: float) -> None:
    host, port = address.rsplit(":", 1)
    loop = asyncio.get_running_loop()
    numbers = itertools.count(1)
    delays_ms: list[float] = []
    made = [
        (await loop.create_connection(lambda: Connection(address, numbers, delays_ms), host, int(port)))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(1.0)  # until the caches are warm
    say(pressing=connections)
    delays_ms.clear()
    began_s = time.perf_counter()
    await asyncio.sleep(seconds)
    took_s = time.perf_counter() - began_s
    measured = sorted(delays_ms)
    for connection in made:
        connection.over = True
    await asyncio.gather(*[connection.done for connection in made])
    places = {name: measured[int(share * (len(measured) - 1))] for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99))}
    rounded = {name: round(value, 1) for name, value in places.items()}
    say(starts=len(measured), seconds=round(took_s, 1), starts_per_s=round(len(measured) / took_s), **rounded)


if __name__ == "__main__":
    uvloop.run(press(**settings()))
