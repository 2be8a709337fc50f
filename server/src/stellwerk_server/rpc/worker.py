"""WorkerService: tasks out, outcomes in, the worker's line, chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Container, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from stellwerk.v1 import payload_pb2, worker_pb2
from stellwerk_server.commit.committer import Committer
from stellwerk_server.commit.outcome import Decided, Outcome
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.dispatch.chunks import Chunks
from stellwerk_server.dispatch.dispatcher import Dispatcher
from stellwerk_server.dispatch.sessions import Held, Session, Sessions
from stellwerk_server.model import token as tokens
from stellwerk_server.model.code import DECISION, WORKFLOW, action_of, pinned
from stellwerk_server.model.commands import Command, CompleteStep, FailStep, ReleaseStep
from stellwerk_server.model.errors import InvalidArgument, Problem, Refused, StellwerkError
from stellwerk_server.rpc import convert, names, wire
from stellwerk_server.rpc.decisions import Decisions
from stellwerk_server.rpc.refusal import refusal_out
from stellwerk_server.rpc.registration import Registration

if TYPE_CHECKING:
    from stellwerk_server.telemetry.tracing import Tracing

MAX_TASKS = 1_000
_POLL_WAIT_S = 20.0
_OK = worker_pb2.TaskVerdict()


class WorkerServicer:
    """What a worker talks to; `heartbeat_ms` is how often it should name the tasks it holds."""

    def __init__(
        self,
        committer: Committer,
        dispatcher: Dispatcher,
        sessions: Sessions,
        chunks: Chunks,
        workflows: Workflows,
        registration: Registration,
        decisions: Decisions,
        max_payload_bytes: int,
        heartbeat_ms: int,
        tracing: Tracing | None,
    ) -> None:
        self._committer = committer
        self._dispatcher = dispatcher
        self._sessions = sessions
        self._chunks = chunks
        self._workflows = workflows
        self._registration = registration
        self._decisions = decisions
        self._limit = max_payload_bytes
        self._heartbeat_ms = heartbeat_ms
        self._tracing = tracing
        self.draining = asyncio.Event()

    async def PollTask(self, request: worker_pb2.PollTaskRequest, context: Any) -> worker_pb2.PollTaskResponse:
        """Hold the call until tasks are there."""
        names.check_poll(request)
        wait_s = wire.wait_in(request, "wait", _POLL_WAIT_S)
        remaining = context.time_remaining()
        if remaining is not None:
            wait_s = max(0.0, min(wait_s, remaining - 1.0))
        namespace_id = await self._workflows.namespace_id(request.namespace)
        queue = request.queue or "default"
        self._sessions.polled(namespace_id, request.worker_id, queue, request.actions, request.max_tasks)
        actions = [*request.actions]
        if request.pinned_build:
            decides = [action for action in request.actions if action.startswith(WORKFLOW)]
            actions += await self._registration.pinned(namespace_id, queue, decides, request.pinned_build)
        grants = await self._dispatcher.poll(namespace_id, queue, actions, request.worker_id, request.max_tasks, wait_s)
        return worker_pb2.PollTaskResponse(tasks=[wire.task_out(grant, self._tracing) for grant in grants])

    async def CompleteTask(
        self, request: worker_pb2.CompleteTaskRequest, context: Any
    ) -> worker_pb2.CompleteTaskResponse:
        """Record outcomes, each with a verdict of its own."""
        results = request.results
        names.check_batch("results", len(results), MAX_TASKS)
        verdicts: list[worker_pb2.TaskVerdict] = [_OK] * len(results)
        commands: list[Command] = []
        places: list[int] = []
        begun = await self._begun(results)
        for place, result in enumerate(results):
            try:
                if result.WhichOneof("outcome") == "decision":
                    commands.append(await self._decision(result, request.namespace, f"results[{place}]"))
                else:
                    commands.append(self._command(result, f"results[{place}]", begun))
                places.append(place)
            except StellwerkError as error:
                verdicts[place] = _verdict(error)
        for place, outcome in zip(places, await self._committer.submit_all(commands), strict=True):
            if isinstance(outcome, StellwerkError):
                verdicts[place] = _verdict(outcome)
            elif isinstance(outcome, Decided) and outcome.journal is not None:
                verdicts[place] = worker_pb2.TaskVerdict(journal=wire.journal_out(outcome.journal))
        return worker_pb2.CompleteTaskResponse(verdicts=verdicts)

    async def Heartbeat(
        self, requests: AsyncIterator[worker_pb2.HeartbeatRequest], context: Any
    ) -> AsyncIterator[worker_pb2.HeartbeatResponse]:
        """The worker's line: beats in, cancels out, until one side ends it."""
        first = await anext(requests, None)
        if first is None:
            return
        names.check_beat(first)
        session = Session(await self._workflows.namespace_id(first.namespace), first.worker_id)
        session.build = first.build
        # Before anybody can see the worker: who sees it may start what it brings.
        await self._registration.register(session.namespace_id, first.queue or "default", first)
        self._sessions.opened(session)
        self._beat(session, first)
        reader = asyncio.create_task(self._read(session, requests), name=f"line of {session.id}")
        try:
            yield worker_pb2.HeartbeatResponse(interval_ms=self._heartbeat_ms)
            async for response in self._cancels(session, reader):
                yield response
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await reader
            self._sessions.closed(session)

    async def StreamResult(
        self, requests: AsyncIterator[worker_pb2.StreamResultRequest], context: Any
    ) -> AsyncIterator[worker_pb2.StreamResultResponse]:
        """Chunks in, acknowledgements out once they are durable."""
        async for answer in self._chunks.serve(self._parsed_chunks(requests)):
            response = worker_pb2.StreamResultResponse(token=answer.token, sequence=answer.sequence)
            if answer.error is not None:
                response.refusal.CopyFrom(refusal_out(answer.error))
            yield response

    async def _parsed_chunks(self, requests: AsyncIterator[worker_pb2.StreamResultRequest]) -> AsyncIterator[Any]:
        async for request in requests:
            try:
                parsed = self._token(request.token, "token")
                if not 1 <= request.sequence < 1 << 53:
                    raise InvalidArgument([Problem("sequence", f"expected 1 or more, came {request.sequence}")])
                chunk = convert.read_payload(request.chunk, "chunk", self._limit)
                yield request.token, request.sequence, (parsed, chunk)
            except StellwerkError as error:
                yield request.token, request.sequence, error

    async def _begun(self, results: Sequence[worker_pb2.TaskResult]) -> set[bytes]:
        """Tokens of tasks that are given back and have streamed: whoever had the attempt next would find its chunks."""
        given = {result.token: tokens.unpack(result.token) for result in results if result.HasField("release")}
        known = [token for token in given.values() if token is not None]
        streamed = await self._chunks.streamed(known) if known else set()
        return {wire_token for wire_token, token in given.items() if token in streamed}

    async def _decision(self, result: worker_pb2.TaskResult, namespace: str, field: str) -> Command:
        token = self._token(result.token, f"{field}.token")
        return await self._decisions.command(token, result, namespace, f"{field}.decision")

    def _command(self, result: worker_pb2.TaskResult, field: str, begun: Container[bytes]) -> Command:
        token = self._token(result.token, f"{field}.token")
        kind = result.WhichOneof("outcome")
        place = (token.run_id, token.step, token.attempt, token.secret)
        if kind == "output" and token.step != DECISION:
            return CompleteStep(*place, convert.read_payload(result.output, f"{field}.output", self._limit))
        if kind == "failure":
            return FailStep(*place, convert.read_failure(result.failure, f"{field}.failure", self._limit))
        if kind == "release":
            if result.token in begun:
                message = "expected a task that has not begun, came one that has streamed; complete or fail it"
                raise InvalidArgument([Problem(f"{field}.release", message)])
            return ReleaseStep(*place)
        expected = "a decision" if token.step == DECISION else "output"
        raise InvalidArgument([Problem(f"{field}.outcome", f"expected {expected}, failure or release, came {kind}")])

    @staticmethod
    def _token(wire_token: bytes, field: str) -> tokens.Token:
        token = tokens.unpack(wire_token)
        if token is None:
            message = f"{field}: expected the token of a task, came {len(wire_token)} bytes that are none"
            raise Refused("LEASE_LOST", message, field=field)
        return token

    async def _read(self, session: Session, requests: AsyncIterator[worker_pb2.HeartbeatRequest]) -> None:
        try:
            async for request in requests:
                names.check_beat(request)
                self._beat(session, request)
        finally:
            session.wake.set()

    def _beat(self, session: Session, request: worker_pb2.HeartbeatRequest) -> None:
        if request.actions or request.workflows:
            decides = [action_of(name) for name in request.workflows]
            if request.pin_runs:
                decides += [pinned(action, request.build) for action in decides]
            session.queue, session.actions = request.queue or "default", (*request.actions, *decides)
            session.slots, session.sdk, session.host = request.slots, request.sdk[:200], request.host[:200]
        session.leaving = session.leaving or request.leaving
        self._sessions.seen[session.namespace_id, session.id] = session
        for held in request.held:
            token = tokens.unpack(held.token)
            if token is None:
                self._sessions.stop_task(session.id, held.token, "LEASE_LOST")
                continue
            lease = Held(token.run_id, token.step, token.secret)
            self._sessions.extend[lease] = (session.id, token.attempt)
            if held.HasField("progress"):
                self._report(token, held.progress)

    def _report(self, token: tokens.Token, progress: payload_pb2.Payload) -> None:
        # A progress that is no payload is not worth ending the line for.
        with suppress(InvalidArgument):
            payload = convert.read_payload(progress, "held.progress", 64 * 1024)
            self._sessions.report_progress(token.run_id, token.step, payload)

    async def _cancels(
        self, session: Session, reader: asyncio.Task[None]
    ) -> AsyncIterator[worker_pb2.HeartbeatResponse]:
        drained = asyncio.create_task(self.draining.wait())
        try:
            while not reader.done():
                woken = asyncio.create_task(session.wake.wait())
                await asyncio.wait({woken, reader, drained}, return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
                session.wake.clear()
                stopped, session.cancelled = session.cancelled, []
                if stopped:
                    cancelled = [worker_pb2.CancelledTask(token=c.token, reason=c.reason) for c in stopped]
                    yield worker_pb2.HeartbeatResponse(cancelled=cancelled, interval_ms=self._heartbeat_ms)
                if drained.done():
                    yield worker_pb2.HeartbeatResponse(draining=True, interval_ms=self._heartbeat_ms)
                    return
            if isinstance(problem := reader.exception(), StellwerkError):
                raise problem
        finally:
            drained.cancel()


def _verdict(error: Outcome) -> worker_pb2.TaskVerdict:
    assert isinstance(error, StellwerkError)
    return worker_pb2.TaskVerdict(refusal=refusal_out(error))
