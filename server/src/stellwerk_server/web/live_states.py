"""What changes from time to time (overview, workers, queues): read once a second for all, told when changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import NamedTuple

from stellwerk_server.model.errors import StellwerkError
from stellwerk_server.rpc.edge import Method
from stellwerk_server.store.database import GONE
from stellwerk_server.web.json_out import encode

logger = logging.getLogger(__name__)
EVERY_S = 1.0
# Topic -> the method that answers it.
TOPICS = {"overview": "GetOverview", "workers": "ListWorkers", "queues": "ListQueues"}


class State(NamedTuple):
    """What a topic looks like, and the how many-eth look that is, from 1."""

    number: int
    data: bytes


class States:
    """The topics somebody looks at, each with one task."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self._methods = methods
        self._looks: dict[tuple[str, str], Look] = {}

    def look(self, namespace: str, topic: str) -> Look:
        """The look of all who ask for this; to be left."""
        key = (namespace, topic)
        found = self._looks.get(key)
        if found is None:
            found = self._looks[key] = Look(self._methods[TOPICS[topic]], namespace)
        found.watchers += 1
        return found

    def leave(self, look: Look) -> None:
        """One less looks."""
        look.watchers -= 1
        if not look.watchers:
            look.stop()
            self._looks = {key: kept for key, kept in self._looks.items() if kept is not look}


class Look:
    """One topic of one namespace. `state` is what was seen last."""

    def __init__(self, method: Method, namespace: str) -> None:
        self._method = method
        self._namespace = namespace
        self.watchers = 0
        self.state: State | None = None
        self._shown = b""
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._repeat(), name="state of a page")

    def stop(self) -> None:
        """Nobody looks any more."""
        self._task.cancel()

    async def after(self, number: int) -> State:
        """The state once it is a newer one."""
        while self.state is None or self.state.number <= number:
            await self._changed.wait()
        return self.state

    async def _repeat(self) -> None:
        while True:
            try:
                await self._read()
            except (*GONE, StellwerkError) as error:
                logger.debug("state of a page: %s", error)
            except Exception:
                logger.exception("state of a page: a look failed")
            await asyncio.sleep(EVERY_S)

    async def _read(self) -> None:
        response = await self._method.call(self._method.request(namespace=self._namespace), None)
        data = encode(response)
        if "now" in response.DESCRIPTOR.fields_by_name:
            # The time it is read at is no change.
            response.ClearField("now")
        shown = encode(response)
        if shown != self._shown or self.state is None:
            self._shown = shown
            self.state = State(1 if self.state is None else self.state.number + 1, data)
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()
