"""WatchRun: a run's events and chunks as they are committed, read from the tables; hints only say when to look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from stellwerk.v1 import run_pb2
from stellwerk_server.dispatch.fitting import fitting
from stellwerk_server.dispatch.results import Results
from stellwerk_server.model.errors import InvalidArgument, Problem, draining
from stellwerk_server.model.states import RunState
from stellwerk_server.rpc import convert, names, wire
from stellwerk_server.rpc.run_reads import run_not_found
from stellwerk_server.store import chunks, events, runs
from stellwerk_server.store.database import Pool

_PAGE = 500
# Of one message, but at least one event. Each watcher who does not read keeps one here, in several forms.
_MESSAGE_BYTES = 256 * 1024


class RunWatch:
    """One method: each watcher reads at its own pace and holds nothing here but its position."""

    def __init__(
        self, results: Results, pool: Pool, reading: Callable[[str, int], None] = lambda kind, more: None
    ) -> None:
        # Told when somebody begins to watch, and when they are gone.
        self._reading = reading
        self._results = results
        self._pool = pool

    async def WatchRun(self, request: run_pb2.WatchRunRequest, context: Any) -> AsyncIterator[run_pb2.WatchRunResponse]:
        """Everything after the sequence, until the run has ended."""
        names.check_namespace(request.namespace)
        run_id = wire.run_id_in(request.run_id)
        if request.after_sequence < 0:
            raise InvalidArgument([Problem("after_sequence", f"expected 0 or more, came {request.after_sequence}")])
        changed = asyncio.Event()
        changed.set()

        def on_change(_: int) -> None:
            changed.set()

        self._results.watch(run_id, on_change)
        self._results.hold(changed.set)
        self._reading("watch", 1)
        try:
            position = _Position(min(request.after_sequence, (1 << 31) - 1))
            while True:
                await changed.wait()
                changed.clear()
                if self._results.draining:
                    raise draining()
                ended = await self._ended(request, run_id)
                while response := await self._next(run_id, position, request.include_chunks):
                    yield response
                if ended:
                    return
        finally:
            self._results.unwatch(run_id, on_change)
            self._results.let_go(changed.set)
            self._reading("watch", -1)

    async def _ended(self, request: run_pb2.WatchRunRequest, run_id: int) -> bool:
        async with self._pool.connection() as connection:
            run = await runs.get(connection, request.namespace or "default", run_id)
        if run is None:
            raise run_not_found(request.namespace or "default", request.run_id)
        return RunState(run.state).terminal

    async def _next(self, run_id: int, position: _Position, include_chunks: bool) -> run_pb2.WatchRunResponse | None:
        async with self._pool.connection() as connection:
            page = await events.after(connection, run_id, position.sequence, _PAGE, _MESSAGE_BYTES)
            streamed = []
            if include_chunks:
                streamed = await chunks.after(connection, run_id, position.chunks, _PAGE, _MESSAGE_BYTES)
        if not page.rows and not streamed:
            return None
        sent = fitting(streamed, lambda chunk: len(chunk.payload), _MESSAGE_BYTES)
        # Chunks come before the event that ends their attempt: it waits for those that did not fit.
        whole = len(sent) == len(streamed)
        found = fitting(page.rows, lambda event: len(event.payload or b""), _MESSAGE_BYTES) if whole else ()
        for event in found:
            position.sequence = event.seq
        for chunk in sent:
            position.chunks[chunk.step, chunk.attempt] = chunk.seq
        return run_pb2.WatchRunResponse(
            events=[convert.event_message(event) for event in found],
            chunks=[convert.chunk_message(chunk) for chunk in sent],
        )


class _Position:
    """How far a watcher has come."""

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self.chunks: dict[tuple[str, int], int] = {}
