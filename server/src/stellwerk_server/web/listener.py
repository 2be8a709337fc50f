"""uvicorn on the server's own loop: our socket, our bounds, our end; no signals, no loop and no thread of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
from email.utils import formatdate
from typing import Any

import uvicorn

from stellwerk_server.web.connection import IDLE_S, Connection, Connections

_BACKLOG = 2_048
_LOOK_S = 0.02
_MAX_MESSAGE_BYTES = 1024 * 1024


def listen(host: str, port: int, *, reuse_port: bool) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Raises OSError."""
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind((host, port))
        found.listen(_BACKLOG)
    except OSError:
        found.close()
        raise
    found.setblocking(False)
    return found


class Listener:
    """Serves one app on one socket."""

    def __init__(self, app: Any, sock: socket.socket) -> None:
        self._socket = sock
        self._config = uvicorn.Config(
            app,
            http=Connection,
            ws="websockets-sansio",
            ws_max_size=_MAX_MESSAGE_BYTES,
            # Each message would be compressed for each reader, on the loop that commits.
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=IDLE_S,
        )
        self._state = Connections()
        self._server: asyncio.Server | None = None
        self._clock: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Begin to answer."""
        # It warns of every client that speaks no HTTP; those get an answer, and the log stays readable.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._config.load()
        self._tell_time()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._config, self._state, loop), sock=self._socket, backlog=_BACKLOG
        )

    async def stop(self, patience_s: float) -> None:
        """Accept nothing more, let what is under way end, and cut what has not ended in time."""
        if self._server is None:
            self._socket.close()
            return
        self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        for lingering in list(self._state.lingering):
            lingering.transport.close()
        try:
            async with asyncio.timeout(patience_s):
                while self._state.connections or self._state.tasks:  # noqa: ASYNC110 - uvicorn has no event for it
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            await self._cut()
        if self._clock is not None:
            self._clock.cancel()

    async def _cut(self) -> None:
        for connection in list(self._state.connections):
            connection.transport.abort()
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _tell_time(self) -> None:
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        self._clock = asyncio.get_running_loop().call_later(1.0, self._tell_time)
