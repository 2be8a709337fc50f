"""A run as its starter holds it: wait for it, watch it, end it. Must not start runs: the client does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc

from stellwerk import _records
from stellwerk._connection import Connection, request_id
from stellwerk._explanation import Explanation, explanation
from stellwerk._records import Chunk, Event, Run, RunState, Signal
from stellwerk._status import from_rpc
from stellwerk.errors import RequestError, RunCancelled, RunFailed, RunTerminated, RunTimedOut, Unavailable
from stellwerk.payload import decode
from stellwerk.retry import Backoff, is_retryable
from stellwerk.v1 import run_pb2

_ENDS = {
    RunState.CANCELLED: RunCancelled,
    RunState.TERMINATED: RunTerminated,
    RunState.TIMED_OUT: RunTimedOut,
}


class RunHandle:
    """One run. Every method raises RequestError subclasses: NotFound, Unavailable, ...

    `run_id` is the run's id; `deduplicated` is True when `start` found the run of an earlier start with
    the same idempotency key.
    """

    __slots__ = ("_connection", "deduplicated", "run_id")

    def __init__(self, connection: Connection, run_id: str, deduplicated: bool = False) -> None:
        self._connection = connection
        self.run_id = run_id
        self.deduplicated = deduplicated

    def __repr__(self) -> str:
        return f"RunHandle({self.run_id!r})"

    async def result(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - the name all SDKs use
        """Wait for the run to end and give its output; that of the last run, when it goes on as new ones.

        `timeout` is in seconds (default: wait for as long as it takes); TimeoutError when it is over, and
        the run goes on. Raises RunFailed, RunCancelled, RunTerminated or RunTimedOut when the run ended so.
        """
        waiting = last_result(self._connection, self.run_id)
        if timeout is None:
            return outcome(await waiting)
        async with asyncio.timeout(timeout):
            ended = await waiting
        return outcome(ended)

    async def get(self, *, include_steps: bool = False) -> Run:
        """The run as it is now, with its steps when asked for."""
        request = run_pb2.GetRunRequest(
            namespace=self._connection.namespace, run_id=self.run_id, include_steps=include_steps
        )
        response = await self._connection.call(self._connection.stubs.runs.GetRun, request)
        return _records.run(response.run)

    async def explain(self) -> Explanation:
        """What the run waits for, most telling first; of an ended one, how it has ended.

        `(await handle.explain()).summary` is one sentence: `step charge waits: no worker serves action 'charge' …`.
        Answers also while the server's database is away.
        """
        request = run_pb2.ExplainRunRequest(namespace=self._connection.namespace, run_id=self.run_id)
        return explanation(await self._connection.call(self._connection.stubs.runs.ExplainRun, request))

    async def history(self) -> AsyncIterator[Event]:
        """Every event so far, oldest first: `async for event in handle.history()`."""
        page_token = ""
        while True:
            request = run_pb2.GetHistoryRequest(
                namespace=self._connection.namespace, run_id=self.run_id, page_token=page_token
            )
            response = await self._connection.call(self._connection.stubs.runs.GetHistory, request)
            for message in response.events:
                yield _records.event(message)
            page_token = response.next_page_token
            if not page_token:
                return

    async def watch(self, *, after_sequence: int = 0, chunks: bool = True) -> AsyncIterator[Event | Chunk]:
        """Events and chunks as they happen, until the run has ended: `async for item in handle.watch()`.

        Begins after the event `after_sequence` (default 0: from the start). A broken connection is opened
        again where it broke; Unavailable is raised when that does not succeed within the client's `retry_s`.
        """
        watch = _Watch(self._connection, self.run_id, after_sequence, chunks)
        async for item in watch.items():
            yield item

    async def signal(self, name: str, payload: Any = None, *, signal_id: str = "") -> bool:
        """Tell the run something; kept until a step waits for a signal of that name.

        The run takes the same `signal_id` once (default: a fresh one); gives True when it had it before.
        Raises RunTerminal when the run has ended, EncodeError.
        """
        told = Signal(name, payload, signal_id)
        request = run_pb2.SignalRunRequest(
            namespace=self._connection.namespace,
            run_id=self.run_id,
            signal=_records.signal_message(told),
            request_id=request_id(),
        )
        response = await self._connection.call(self._connection.stubs.runs.SignalRun, request)
        return bool(response.deduplicated)

    async def cancel(self, reason: str = "") -> RunState:
        """Ask the run to end as CANCELLED: nothing new is handed out, running handlers are told."""
        request = run_pb2.CancelRunRequest(
            namespace=self._connection.namespace, run_id=self.run_id, reason=reason, request_id=request_id()
        )
        response = await self._connection.call(self._connection.stubs.runs.CancelRun, request)
        return _records.run_state(response.state)

    async def terminate(self, reason: str = "") -> RunState:
        """End the run as TERMINATED at once: handlers' leases are void."""
        request = run_pb2.TerminateRunRequest(
            namespace=self._connection.namespace, run_id=self.run_id, reason=reason, request_id=request_id()
        )
        response = await self._connection.call(self._connection.stubs.runs.TerminateRun, request)
        return _records.run_state(response.state)

    async def resume(self) -> RunState:
        """Have a parked run of a code workflow decided again; nothing happens when it is not parked."""
        request = run_pb2.ResumeRunRequest(
            namespace=self._connection.namespace, run_id=self.run_id, request_id=request_id()
        )
        response = await self._connection.call(self._connection.stubs.runs.ResumeRun, request)
        return _records.run_state(response.state)

    async def retry(self, from_step: str = "") -> RunHandle:
        """Fork a new run from this ended one; finished steps are kept.

        `from_step` runs that step and all that need it again (default: whatever did not succeed).
        """
        request = run_pb2.RetryRunRequest(
            namespace=self._connection.namespace,
            run_id=self.run_id,
            from_step=from_step,
            request_id=request_id(),
        )
        response = await self._connection.call(self._connection.stubs.runs.RetryRun, request)
        return RunHandle(self._connection, response.run_id, response.deduplicated)


async def last_result(connection: Connection, run_id: str) -> run_pb2.RunResult:
    """Wait for the end of a run, and of those it goes on as."""
    while True:
        result = await connection.awaits.result(run_id)
        if not result.continued_as:
            return result
        run_id = result.continued_as


def outcome(result: run_pb2.RunResult) -> Any:
    """The output of an ended run, or the exception that says how it ended."""
    state = _records.run_state(result.state)
    if state in (RunState.SUCCEEDED, RunState.CONTINUED):
        return decode(result.output)
    failure = _records.failure(result.failure) if result.HasField("failure") else None
    raise _ENDS.get(state, RunFailed)(result.run_id, state, failure)


class _Watch:
    """A WatchRun that survives its connection: remembers what was seen, so that nothing comes twice."""

    def __init__(self, connection: Connection, run_id: str, after_sequence: int, chunks: bool) -> None:
        self._connection = connection
        self._run_id = run_id
        self._sequence = after_sequence
        self._chunks = chunks
        self._chunks_seen: dict[tuple[str, int], int] = {}
        self._backoff = Backoff()
        self._alive_s = time.monotonic()

    async def items(self) -> AsyncIterator[Event | Chunk]:
        while True:
            try:
                async for message in self._open():
                    self._alive_s = time.monotonic()
                    self._backoff.reset()
                    for item in self._unseen(message):
                        yield item
                return
            except grpc.aio.AioRpcError as error:
                failure = from_rpc(error, self._connection.target.described)
            await self._pause(failure)

    def _open(self) -> Any:
        request = run_pb2.WatchRunRequest(
            namespace=self._connection.namespace,
            run_id=self._run_id,
            after_sequence=self._sequence,
            include_chunks=self._chunks,
        )
        return self._connection.stubs.runs.WatchRun(request, metadata=self._connection.metadata)

    def _unseen(self, message: run_pb2.WatchRunResponse) -> list[Event | Chunk]:
        """Chunks come first: they were streamed before the event that ends their attempt."""
        items: list[Event | Chunk] = []
        for chunk in message.chunks:
            key = (chunk.step, chunk.attempt)
            if chunk.sequence > self._chunks_seen.get(key, 0):
                self._chunks_seen[key] = chunk.sequence
                items.append(_records.chunk(chunk))
        for event in message.events:
            if event.sequence > self._sequence:
                self._sequence = event.sequence
                items.append(_records.event(event))
        return items

    async def _pause(self, failure: RequestError) -> None:
        late = time.monotonic() - self._alive_s > self._connection.retry_s
        if not is_retryable(failure) or (late and isinstance(failure, Unavailable)):
            raise failure
        await asyncio.sleep(self._backoff.next_s())
