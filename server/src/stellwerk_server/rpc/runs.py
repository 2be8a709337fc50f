"""RunService, the half that changes runs or waits for them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

from stellwerk.v1 import run_pb2
from stellwerk_server.commit.committer import Committer
from stellwerk_server.commit.outcome import Outcome, Started
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.dispatch.fitting import fitting
from stellwerk_server.dispatch.results import Result, Results
from stellwerk_server.model import ids
from stellwerk_server.model.commands import CancelRun, Command, ResumeRun, TerminateRun
from stellwerk_server.model.errors import Exhausted, NotFound, StellwerkError, draining
from stellwerk_server.rpc import names, wire
from stellwerk_server.rpc.forks import Forks
from stellwerk_server.rpc.known import KnownRuns
from stellwerk_server.rpc.refusal import refusal_out
from stellwerk_server.rpc.starts import Starter

MAX_STARTS = 1_000
_MAX_AWAITED = 100_000
_MAX_RESULTS = 500
_WAIT_S = 20.0


class RunWrites:
    """Starts, waits, ends."""

    def __init__(
        self,
        committer: Committer,
        starter: Starter,
        forks: Forks,
        results: Results,
        workflows: Workflows,
        known: KnownRuns,
    ) -> None:
        self._committer = committer
        self._starter = starter
        self._forks = forks
        self._results = results
        self._workflows = workflows
        self._known = known

    async def StartRun(self, request: run_pb2.StartRunRequest, context: Any) -> run_pb2.StartRunResponse:
        """One run; holds the call for its result when asked to."""
        names.check_namespace(request.namespace)
        wait_s = wire.wait_in(request, "wait", 0.0)
        outcome = (await self._starter.start(request.namespace, [request], ""))[0]
        if isinstance(outcome, StellwerkError):
            raise outcome
        response = _started(outcome)
        if wait_s and isinstance(outcome, Started):
            result = await self._wait(request.namespace, outcome.run_id, wait_s)
            if result is not None:
                response.result.CopyFrom(wire.result_out(result))
        return response

    async def StartRuns(self, request: run_pb2.StartRunsRequest, context: Any) -> run_pb2.StartRunsResponse:
        """Many runs, each with a verdict of its own."""
        names.check_namespace(request.namespace)
        names.check_batch("starts", len(request.starts), MAX_STARTS)
        outcomes = await self._starter.start(request.namespace, request.starts, "starts[{}].")
        return run_pb2.StartRunsResponse(results=[_started(outcome) for outcome in outcomes])

    async def WaitRun(self, request: run_pb2.WaitRunRequest, context: Any) -> run_pb2.WaitRunResponse:
        """Hold the call until the run has ended or the wait is over."""
        names.check_namespace(request.namespace)
        run_id = wire.run_id_in(request.run_id)
        result = await self._wait(request.namespace, run_id, wire.wait_in(request, "wait", _WAIT_S))
        if result is None:
            return run_pb2.WaitRunResponse(ended=False)
        return run_pb2.WaitRunResponse(ended=True, result=wire.result_out(result))

    async def AwaitRuns(
        self, requests: AsyncIterator[run_pb2.AwaitRunsRequest], context: Any
    ) -> AsyncIterator[run_pb2.AwaitRunsResponse]:
        """Run ids in, results out as they end, batched while the stream is busy."""
        stream = _AwaitStream(self._results)
        reader = asyncio.create_task(self._read_awaited(requests, stream), name="await runs")
        try:
            async for response in stream.responses(reader):
                yield response
        finally:
            stream.close()
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def CancelRun(self, request: run_pb2.CancelRunRequest, context: Any) -> run_pb2.CancelRunResponse:
        """End the run as CANCELLED."""
        run_id = await self._known.owned(request.namespace, request.run_id)
        names.check_text("reason", request.reason, 4_000)
        return run_pb2.CancelRunResponse(state=await self._end(CancelRun(run_id, request.reason)))  # type: ignore[arg-type]

    async def TerminateRun(self, request: run_pb2.TerminateRunRequest, context: Any) -> run_pb2.TerminateRunResponse:
        """End the run as TERMINATED."""
        run_id = await self._known.owned(request.namespace, request.run_id)
        names.check_text("reason", request.reason, 4_000)
        state = await self._end(TerminateRun(run_id, request.reason))
        return run_pb2.TerminateRunResponse(state=state)  # type: ignore[arg-type]  # same numbers as the enum

    async def RetryRun(self, request: run_pb2.RetryRunRequest, context: Any) -> run_pb2.RetryRunResponse:
        """Fork a new run from an ended one."""
        run_id = await self._known.owned(request.namespace, request.run_id)
        names.check_text("from_step", request.from_step, 200)
        request_id = None
        if request.request_id:
            request_id = hashlib.sha256(f"retry/{run_id}/{request.request_id}".encode()).digest()[:16]
        started = await self._forks.fork(run_id, request.from_step, request_id)
        return run_pb2.RetryRunResponse(run_id=ids.show(started.run_id), deduplicated=started.deduplicated)

    async def ResumeRun(self, request: run_pb2.ResumeRunRequest, context: Any) -> run_pb2.ResumeRunResponse:
        """Have a parked run of code decided again."""
        run_id = await self._known.owned(request.namespace, request.run_id)
        return run_pb2.ResumeRunResponse(state=await self._end(ResumeRun(run_id)))  # type: ignore[arg-type]

    async def _end(self, command: Command) -> int:
        _, outcome = await self._known.submit(command)
        return int(outcome.state)

    async def _wait(self, namespace: str, run_id: int, wait_s: float) -> Result | None:
        namespace_id = await self._workflows.namespace_id(namespace)
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

        def on_result(result: Result) -> None:
            if not done.done():
                done.set_result(result)

        self._results.wait(run_id, on_result)
        self._results.hold(done.cancel)
        try:
            held = self._committer.holds_open(run_id, namespace_id)
            if not held:
                found = await self._known.look_up(namespace_id, [run_id])
                if run_id not in found:
                    shown = ids.show(run_id)
                    raise NotFound("RUN_NOT_FOUND", f"run_id: there is no run {shown} in this namespace", run_id=shown)
                if (result := found[run_id]) is not None:
                    return result
            await asyncio.wait({done}, timeout=wait_s)
            if done.done():
                return None if done.cancelled() else done.result()
            # What is held here as open may have ended elsewhere, long ago even: nobody asked since.
            return (await self._known.look_up(namespace_id, [run_id])).get(run_id) if held else None
        finally:
            self._results.forget(run_id, on_result)
            self._results.let_go(done.cancel)

    async def _read_awaited(self, requests: AsyncIterator[run_pb2.AwaitRunsRequest], stream: _AwaitStream) -> None:
        async for request in requests:
            names.check_namespace(request.namespace)
            namespace_id = await self._workflows.namespace_id(request.namespace)
            elsewhere = []
            for text in request.run_ids:
                run_id = ids.parse(text)
                if run_id is None:
                    stream.unknown(text)
                    continue
                stream.wait(run_id)
                if not self._committer.holds_open(run_id, namespace_id):
                    elsewhere.append(run_id)
            found = await self._known.look_up(namespace_id, elsewhere)
            for run_id in elsewhere:
                if run_id not in found:
                    stream.unknown(ids.show(run_id))
                elif (result := found[run_id]) is not None:
                    stream.on_result(result)


class _AwaitStream:
    """One AwaitRuns call: what it still waits for, and what it has not been told yet."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._waiting: set[int] = set()
        self._ready: list[Result] = []
        self._unknown: list[str] = []
        self._wake = asyncio.Event()

    def wait(self, run_id: int) -> None:
        """Wait for one run more."""
        if len(self._waiting) >= _MAX_AWAITED:
            message = f"run_ids: expected at most {_MAX_AWAITED} open runs on one stream, came more"
            raise Exhausted("TOO_MANY_AWAITED", message)
        if run_id not in self._waiting:
            self._waiting.add(run_id)
            self._results.wait(run_id, self.on_result)

    def unknown(self, text: str) -> None:
        """There is no such run."""
        run_id = ids.parse(text)
        if run_id is not None and run_id in self._waiting:
            self._waiting.discard(run_id)
            self._results.forget(run_id, self.on_result)
        self._unknown.append(text[:200])
        self._wake.set()

    def on_result(self, result: Result) -> None:
        """A run has ended."""
        if result.run_id in self._waiting:
            self._waiting.discard(result.run_id)
            self._results.forget(result.run_id, self.on_result)
            self._ready.append(result)
            self._wake.set()

    async def responses(self, reader: asyncio.Task[None]) -> AsyncIterator[run_pb2.AwaitRunsResponse]:
        """Batches of results until the caller has stopped asking and nothing is open."""
        reader.add_done_callback(lambda _: self._wake.set())
        self._results.hold(self._wake.set)
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._results.draining:
                raise draining()
            while self._ready or self._unknown:
                ready = fitting(self._ready[:_MAX_RESULTS], lambda result: len(result.output or b""), wire.ANSWER_BYTES)
                self._ready = self._ready[len(ready) :]
                unknown, self._unknown = self._unknown, []
                yield run_pb2.AwaitRunsResponse(results=[wire.result_out(r) for r in ready], unknown=unknown)
            if reader.done() and (reader.exception() is not None or not self._waiting):
                reader.result()
                return

    def close(self) -> None:
        """Wait for nothing any more."""
        self._results.let_go(self._wake.set)
        for run_id in self._waiting:
            self._results.forget(run_id, self.on_result)
        self._waiting.clear()


def _started(outcome: Outcome) -> run_pb2.StartRunResponse:
    if isinstance(outcome, StellwerkError):
        return run_pb2.StartRunResponse(refusal=refusal_out(outcome))
    assert isinstance(outcome, Started)
    return run_pb2.StartRunResponse(run_id=ids.show(outcome.run_id), deduplicated=outcome.deduplicated)
