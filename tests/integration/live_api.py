"""Readers of live events for the tests: event streams over httpx, cut off where a test wants, and WebSockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
from websockets.asyncio.client import ClientConnection, connect

PATIENCE_S = 20.0


class Frame(NamedTuple):
    """One frame of a stream; `event` is empty for a comment, of which `data` is the text."""

    event: str
    id: str
    data: Any


class Refused(Exception):
    """An answer that is no stream."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.text)
        self.status = response.status_code
        self.problem = response.json()
        assert response.headers["content-type"] == "application/problem+json"


class EventStream:
    """An open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self, patience_s: float = PATIENCE_S) -> Frame | None:
        """The next frame, None at the end."""
        async with asyncio.timeout(patience_s):
            fields: dict[str, str] = {}
            async for line in self._lines:
                if not line:
                    return _frame(fields)
                name, _, value = line.partition(":")
                assert name in ("", "id", "event", "data"), line
                assert name not in fields, line
                fields[name] = value.removeprefix(" ")
            assert not fields, f"a frame was cut: {fields}"
            return None

    async def frame(self) -> Frame:
        """The next frame that is no comment; there must be one."""
        while frame := await self.next():
            if frame.event:
                return frame
        raise AssertionError("the stream has ended")

    async def frames(self) -> AsyncIterator[Frame]:
        """Every frame but comments, to the end."""
        while (frame := await self.next()) is not None:
            if frame.event:
                yield frame

    async def all(self) -> list[Frame]:
        """Every frame but comments, to the end."""
        return [frame async for frame in self.frames()]


def _frame(fields: dict[str, str]) -> Frame:
    if "" in fields:
        return Frame("", fields.get("id", ""), fields[""])
    return Frame(fields["event"], fields["id"], json.loads(fields["data"]))


@asynccontextmanager
async def stream(port: int, path: str, *, last_id: str | None = None, **query: Any) -> AsyncIterator[EventStream]:
    """An event stream; raises Refused."""
    headers = {} if last_id is None else {"last-event-id": last_id}
    timeout = httpx.Timeout(PATIENCE_S, read=None)
    async with (
        httpx.AsyncClient(timeout=timeout, base_url=f"http://127.0.0.1:{port}") as client,
        client.stream("GET", path, params=query, headers=headers) as response,
    ):
        if response.status_code != 200:
            await response.aread()
            raise Refused(response)
        assert response.headers["content-type"].startswith("text/event-stream")
        yield EventStream(response)


async def refused(port: int, path: str, *, last_id: str | None = None, **query: Any) -> Refused:
    """The refusal a stream must be answered with."""
    try:
        async with stream(port, path, last_id=last_id, **query):
            raise AssertionError(f"{path} was not refused")
    except Refused as error:
        return error


class Socket:
    """A WebSocket, its frames sorted by subscription."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, **message: Any) -> None:
        """Send a message."""
        await self.connection.send(json.dumps(message))

    async def hear(self, patience_s: float = PATIENCE_S) -> tuple[str, list[Frame]]:
        """The next message: whose it is, and its frames."""
        message = json.loads(await asyncio.wait_for(self.connection.recv(), patience_s))
        assert message.keys() == {"id", "frames"}
        return message["id"], [Frame(f["event"], f.get("id", ""), f["data"]) for f in message["frames"]]

    async def until(self, id: str, event: str) -> list[Frame]:
        """The frames of one subscription up to the first of that kind; those of others are dropped."""
        found: list[Frame] = []
        while not any(frame.event == event for frame in found):
            whose, frames = await self.hear()
            found += frames if whose == id else []
        return found


@asynccontextmanager
async def socket(port: int, query: str = "", **options: Any) -> AsyncIterator[Socket]:
    """A connected WebSocket."""
    async with connect(f"ws://127.0.0.1:{port}/api/ws{query}", max_size=64 << 20, **options) as connection:
        yield Socket(connection)
