"""What a client that wants live events asks for, checked: the same for event streams and for the WebSocket."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from stellwerk_server.dispatch.feed import FeedPosition
from stellwerk_server.dispatch.following import Reader
from stellwerk_server.dispatch.frames import Frame
from stellwerk_server.dispatch.live import Live
from stellwerk_server.dispatch.weaving import RunPosition
from stellwerk_server.model.errors import draining
from stellwerk_server.model.events import EventType
from stellwerk_server.rpc.fields import Fields
from stellwerk_server.rpc.run_reads import run_not_found
from stellwerk_server.store import runs
from stellwerk_server.store.database import Pool

_PATTERN = re.compile(r"[A-Z_]{0,60}(?:\*[A-Z_]{0,60}){0,5}")
_OWN_ID = "an id this stream gave, or nothing"


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Events of one run. `after_field` is what the client calls the place to go on."""

    namespace: str
    run_id: str
    after: str = ""
    chunks: bool = False
    after_field: str = "after"


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """Events of a namespace, only those of that workflow and of types that fit one of the patterns."""

    namespace: str
    after: str = ""
    workflow: str = ""
    types: Sequence[str] = ()
    payloads: bool = False
    after_field: str = "after"


class Opening:
    """Checks what is asked for and opens it."""

    def __init__(self, live: Live, pool: Pool) -> None:
        self.live = live
        self._pool = pool

    async def run(self, query: RunQuery) -> AbstractAsyncContextManager[Reader[RunPosition]]:
        """A reader of a run; raises InvalidArgument and NotFound."""
        self._refuse_when_draining()
        fields = Fields()
        namespace = fields.namespace(query.namespace)
        run_id = fields.id("run_id", query.run_id)
        position = RunPosition.parse(query.after) if query.after else RunPosition(0)
        if position is None:
            fields.refuse(query.after_field, _OWN_ID, query.after)
        fields.raise_if_any()
        assert position is not None
        async with self._pool.connection() as connection:
            run = await runs.get(connection, namespace, run_id)
        if run is None:
            raise run_not_found(namespace, query.run_id)
        if position.sequence > run.seq:
            fields.refuse(query.after_field, f"a sequence of this run, 0 to {run.seq}", query.after)
        fields.raise_if_any()
        position.ended = run.ended_at is not None and position.sequence == run.seq
        if not query.chunks:
            # Whoever wants no chunks shares ids with those who never had any.
            position = RunPosition(position.sequence, ended=position.ended)
        return self.live.run(run, position, chunks=query.chunks)

    async def feed(self, query: FeedQuery) -> AbstractAsyncContextManager[Reader[FeedPosition]]:
        """A reader of a namespace; raises InvalidArgument, and Expired when it is entered."""
        self._refuse_when_draining()
        fields = Fields()
        namespace = fields.namespace(query.namespace)
        workflow = fields.text("workflow", query.workflow)
        types = _types(fields, query.types)
        if query.after and FeedPosition.parse(namespace, query.after) is None:
            fields.refuse(query.after_field, f"{_OWN_ID}, of namespace {namespace!r}", query.after)
        fields.raise_if_any()
        return self.live.feed(namespace, query.after, _wanted(workflow, types), payloads=query.payloads)

    def _refuse_when_draining(self) -> None:
        if self.live.draining:
            raise draining()


def _wanted(workflow: str, types: frozenset[str]) -> Callable[[Frame], bool] | None:
    if not workflow and not types:
        return None
    return lambda frame: (not workflow or frame.workflow == workflow) and (not types or frame.type in types)


def _types(fields: Fields, patterns: Sequence[Any]) -> frozenset[str]:
    """The types that fit one of the patterns."""
    known = [type.name for type in EventType]
    found: set[str] = set()
    for pattern in patterns:
        fitting: list[str] = []
        if isinstance(pattern, str) and pattern and _PATTERN.fullmatch(pattern):
            expression = re.compile(pattern.replace("*", ".*"))
            fitting = [name for name in known if expression.fullmatch(name)]
        if not fitting:
            fields.refuse("type", "an event's type like STEP_DEAD or RUN_*", pattern)
        found.update(fitting)
    return frozenset(found)
