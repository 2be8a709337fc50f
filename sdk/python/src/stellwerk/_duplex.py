"""One bidirectional stream kept alive: opened when there is something to say, opened again when it breaks.

Must not know what is said: a Talk decides what to send, to send again, and what an answer means.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

import grpc

from stellwerk._status import cut_while_written, from_rpc
from stellwerk.errors import RequestError
from stellwerk.retry import Backoff

_logger = logging.getLogger("stellwerk")
# How long the stream after one that was cut while written is listened to first: a refusal is heard by then.
_LISTENS_S = 0.5


class Talk(Protocol):
    """The two sides of a conversation; all calls come from the event loop's thread."""

    def take(self) -> Any | None:
        """The next message to send, or None when there is none now."""

    def restart(self) -> None:
        """The stream is new: whatever is not answered yet has to be said again."""

    def receive(self, message: Any) -> None:
        """An answer came."""

    def busy(self) -> bool:
        """True while an answer is missing; a broken stream is opened again only then."""

    def failed(self, error: RequestError) -> None:
        """The stream broke, and will be opened again if still busy."""


class Duplex:
    """Runs a Talk over a stream that `open_call` opens."""

    def __init__(self, open_call: Callable[[], Any], talk: Talk, *, name: str, address: str) -> None:
        self._open_call = open_call
        self._talk = talk
        self._name = name
        self._address = address
        self._wake = asyncio.Event()
        self._backoff = Backoff()
        self._listens_first = False
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Say that `take` has something to give."""
        self._wake.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve(), name=f"stellwerk {self._name}")

    async def close(self) -> None:
        """End the stream; nothing is sent any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _serve(self) -> None:
        while True:
            if not self._talk.busy():
                await self._wake.wait()
            self._wake.set()
            self._talk.restart()
            error = await self._converse()
            if error is not None:
                _logger.info("%s: the stream broke, opening it again: %s", self._name, error)
                self._talk.failed(error)
            if self._talk.busy():
                await asyncio.sleep(self._backoff.next_s())
            else:
                self._wake.clear()

    async def _converse(self) -> RequestError | None:
        """Speak and listen until the stream ends; gives the error that ended it, if any."""
        call = self._open_call()
        speaking = asyncio.create_task(self._speak(call))
        try:
            await self._listen(call)
        except grpc.aio.AioRpcError as error:
            self._listens_first = cut_while_written(error)
            return from_rpc(error, self._address)
        except asyncio.CancelledError:
            if is_local_cancel():
                raise
        except Exception as error:  # whatever the transport comes up with, those who wait are not forgotten
            _logger.exception("%s: the stream failed", self._name)
            return RequestError(f"{type(error).__name__}: {error}", code="UNAVAILABLE")
        finally:
            speaking.cancel()
            call.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
        return None

    async def _speak(self, call: Any) -> None:
        if self._listens_first:
            await asyncio.sleep(_LISTENS_S)
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (message := self._talk.take()) is not None:
                await call.write(message)

    async def _listen(self, call: Any) -> None:
        async for message in call:
            self._backoff.reset()
            self._listens_first = False
            self._talk.receive(message)


def is_local_cancel() -> bool:
    """True when this very task was cancelled, and not merely a call inside it by the other side."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
