"""The other servers of `serve --processes N`, for metrics: each answers on a socket in a folder they share.

What is read there is counters only; a server that does not answer at once is left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)
_PATIENCE_S = 1.0
_MAX_BYTES = 32 * 1024 * 1024
_SUFFIX = ".metrics"


class Siblings:
    """Tells what this server has counted, and asks the others. `place` is this server's number, as a label has it."""

    def __init__(self, folder: Path, place: str, tell: Callable[[], bytes]) -> None:
        self._folder = folder
        self.place = place
        self._tell = tell
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Answer on our socket; the one a predecessor has left is taken away."""
        path = self._folder / f"{self.place}{_SUFFIX}"
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._answer, path)

    async def stop(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.close()
            (self._folder / f"{self.place}{_SUFFIX}").unlink(missing_ok=True)

    async def others(self) -> dict[str, bytes]:
        """What each of the others tells, by its number."""
        paths = [path for path in sorted(self._folder.glob(f"*{_SUFFIX}")) if path.stem != self.place]
        told = await asyncio.gather(*map(_ask, paths))
        return {path.stem: answer for path, answer in zip(paths, told, strict=True) if answer}

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(self._tell())
            await writer.drain()
        except OSError as error:
            logger.info("another server did not wait for our metrics: %s", error)
        finally:
            writer.close()


async def _ask(path: Path) -> bytes:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            reader, writer = await asyncio.open_unix_connection(path, limit=_MAX_BYTES)
            try:
                return await reader.read(-1)
            finally:
                writer.close()
    return b""
