"""The client: starts runs, waits for them, registers workflows. Must not run handlers."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from stellwerk import _operations, _records, _telemetry
from stellwerk._channel import Tls, target
from stellwerk._connection import Connection, Stubs, request_id
from stellwerk._handle import RunHandle, last_result, outcome
from stellwerk._operations import Overview, TimerInfo
from stellwerk._records import (
    DeadLetter,
    DeadLetterState,
    FieldProblem,
    QueueInfo,
    Run,
    RunState,
    ServerInfo,
    Signal,
    WorkerInfo,
    Workflow,
)
from stellwerk.errors import PayloadTooLarge, StellwerkError
from stellwerk.payload import PAYLOAD_BYTES_MAX, encode_json, fill
from stellwerk.v1 import admin_pb2, dead_letter_pb2, run_pb2, workflow_pb2

Definition = str | os.PathLike[str] | Mapping[str, Any]
"""A workflow: a path, YAML or JSON text, or the definition as a dict."""


class Client:
    """A connection to a server, shared by any number of concurrent callers of one event loop.

        async with Client() as client:
            result = await client.run("order", {"total": 3}, idempotency_key="o-17")

    address    host:port (default: STELLWERK_ADDRESS, else 127.0.0.1:7400)
    token      bearer token (default: STELLWERK_TOKEN, else none)
    namespace  default: STELLWERK_NAMESPACE, else "default"
    tls        True, False or Tls(...) (default: STELLWERK_TLS on|off, else plain on loopback, TLS elsewhere)
    retry_s    how long a call is sent again while the server cannot be reached or is busy (default 30 s)

    Every changing call carries a request id, so sending it again never does it twice. All methods raise
    RequestError subclasses; ValueError for a bad option.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        namespace: str | None = None,
        tls: Tls | bool | None = None,
        retry_s: float = 30.0,
    ) -> None:
        if retry_s < 0:
            raise ValueError(f"retry_s: expected a number of seconds >= 0, came {retry_s}")
        self._target = target(address, token, namespace, tls)
        _telemetry.configure()
        self._retry_s = retry_s
        self._open: Connection | None = None
        self._closed = False

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the channel; callers that still wait get a StellwerkError. Twice is the same as once."""
        self._closed = True
        connection, self._open = self._open, None
        if connection is not None:
            await connection.close()

    @property
    def address(self) -> str:
        """The server's host:port."""
        return self._target.address

    @property
    def namespace(self) -> str:
        """The namespace of every call."""
        return self._target.namespace

    @property
    def stubs(self) -> Stubs:
        """The generated stubs (runs, workflows, dead_letters, admin, workers), for what this class lacks.

        They raise grpc.aio.AioRpcError and do not retry; pass `metadata=client.metadata`.
        """
        return self._connection.stubs

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The metadata (token, client name and version) every call must carry."""
        return self._target.metadata

    @property
    def _connection(self) -> Connection:
        """Opened by the first call, because a channel belongs to the event loop that opens it."""
        if self._open is None:
            if self._closed:
                raise StellwerkError("the client is closed")
            self._open = Connection(self._target, self._retry_s)
        return self._open

    async def start(
        self,
        workflow: str,
        input: Any = None,
        *,
        idempotency_key: str | None = None,
        timeout: float | timedelta | None = None,  # noqa: ASYNC109 - the run's, not the call's
        version: int = 0,
        trace: Mapping[str, str] | None = None,
        signal: Signal | None = None,
    ) -> RunHandle:
        """Start a run and give its handle once it is durable.

        input            any JSON value, dataclass or pydantic model, or bytes
        idempotency_key  the same key and input give the same run (`handle.deduplicated`); another input
                         raises IdempotencyKeyReused (default: none)
        timeout          seconds or timedelta until the run ends as TIMED_OUT (default: the definition's)
        version          of the workflow (default 0: the current one)
        trace            W3C trace context, handed to every task of the run (default: the current span's, if traced)
        signal           told to the run in the transaction that starts it; when the key finds a run there, to
                         that one (RunTerminal when it has ended)

        Concurrent starts travel together. Raises EncodeError, NotFound, InvalidArgument, ...
        """
        request = run_pb2.StartRunRequest(
            workflow=workflow, request_id=request_id(), idempotency_key=idempotency_key, version=version
        )
        fill(request.input, input)
        if timeout is not None:
            request.timeout.FromTimedelta(_timedelta(timeout))
        if trace:
            request.trace.update(trace)
        if signal is not None:
            request.signal.CopyFrom(_records.signal_message(signal))
        _check_size(request)
        connection = self._connection
        response = await connection.start(request)
        return RunHandle(connection, response.run_id, response.deduplicated)

    async def run(
        self,
        workflow: str,
        input: Any = None,
        *,
        idempotency_key: str | None = None,
        timeout: float | timedelta | None = None,  # noqa: ASYNC109 - the run's, not the call's
        version: int = 0,
        trace: Mapping[str, str] | None = None,
        signal: Signal | None = None,
    ) -> Any:
        """Start a run and wait for its output: `start`, then `result`. Options as in `start`.

        Raises RunFailed and its subclasses when the run does not succeed.
        """
        handle = await self.start(
            workflow,
            input,
            idempotency_key=idempotency_key,
            timeout=timeout,
            version=version,
            trace=trace,
            signal=signal,
        )
        return outcome(await last_result(self._connection, handle.run_id))

    def handle(self, run_id: str) -> RunHandle:
        """The handle of a run known by its id; asks nobody, so a wrong id shows with the first call."""
        return RunHandle(self._connection, run_id)

    async def signal(
        self, workflow: str, idempotency_key: str, name: str, payload: Any = None, *, signal_id: str = ""
    ) -> RunHandle:
        """Tell the run that was started with this key something; otherwise as `RunHandle.signal`.

        `deduplicated` of the handle says whether the run had the signal before. Raises NotFound.
        """
        request = run_pb2.SignalRunRequest(
            namespace=self.namespace,
            workflow=workflow,
            idempotency_key=idempotency_key,
            signal=_records.signal_message(Signal(name, payload, signal_id)),
            request_id=request_id(),
        )
        response = await self._connection.call(self._connection.stubs.runs.SignalRun, request)
        return RunHandle(self._connection, response.run_id, response.deduplicated)

    async def list_runs(
        self,
        workflow: str = "",
        *,
        states: Iterable[RunState | str] = (),
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        attributes: Mapping[str, str | float | bool] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[Run]:
        """Runs, newest first and without payloads: `async for run in client.list_runs("order")`.

        Filters are all optional; `attributes` are those a run must have, all of them, `limit` is the most runs to
        give (default: all). Pages are read as needed.
        """
        request = run_pb2.ListRunsRequest(
            namespace=self.namespace,
            workflow=workflow,
            states=_numbers(run_pb2.RunState, "RUN_STATE_", map(RunState, states)),
            created_after=_timestamp(created_after),
            created_before=_timestamp(created_before),
            attributes=encode_json(dict(attributes)) if attributes else "",
        )
        pages = self._pages(self._connection.stubs.runs.ListRuns, request, "runs", limit)
        async for message in pages:
            yield _records.run(message)

    async def apply_workflow(self, definition: Definition) -> Workflow:
        """Register a workflow; the same content is the same version, changed content the next.

        Raises InvalidArgument whose `fields` lists everything that is wrong.
        """
        request = workflow_pb2.ApplyWorkflowRequest(
            namespace=self.namespace, definition=definition_text(definition), request_id=request_id()
        )
        response = await self._connection.call(self._connection.stubs.workflows.ApplyWorkflow, request)
        return _records.workflow(response.workflow, response.created)

    async def validate_workflow(self, definition: Definition) -> list[FieldProblem]:
        """Everything that is wrong with a definition (empty: it is good); stores nothing."""
        request = workflow_pb2.ValidateWorkflowRequest(definition=definition_text(definition))
        response = await self._connection.call(self._connection.stubs.workflows.ValidateWorkflow, request)
        return [FieldProblem(problem.field, problem.description) for problem in response.problems]

    async def get_workflow(self, name: str, *, version: int = 0) -> Workflow:
        """A registered workflow (default: its current version). Raises NotFound."""
        request = workflow_pb2.GetWorkflowRequest(namespace=self.namespace, name=name, version=version)
        response = await self._connection.call(self._connection.stubs.workflows.GetWorkflow, request)
        return _records.workflow(response.workflow)

    async def list_workflows(self, name: str = "") -> AsyncIterator[Workflow]:
        """The current version of every workflow, or all versions of the one named."""
        request = workflow_pb2.ListWorkflowsRequest(namespace=self.namespace, name=name)
        pages = self._pages(self._connection.stubs.workflows.ListWorkflows, request, "workflows", None)
        async for message in pages:
            yield _records.workflow(message)

    async def dead_letters(
        self,
        *,
        workflow: str = "",
        action: str = "",
        run_id: str = "",
        states: Iterable[DeadLetterState | str] = (),
        limit: int | None = None,
    ) -> AsyncIterator[DeadLetter]:
        """Dead letters, newest first (default: the open ones); iterate with `async for`."""
        request = dead_letter_pb2.ListDeadLettersRequest(
            namespace=self.namespace,
            workflow=workflow,
            action=action,
            run_id=run_id,
            states=_numbers(dead_letter_pb2.DeadLetterState, "DEAD_LETTER_STATE_", map(DeadLetterState, states)),
        )
        method = self._connection.stubs.dead_letters.ListDeadLetters
        async for message in self._pages(method, request, "dead_letters", limit):
            yield _records.dead_letter(message)

    async def requeue(self, dead_letter_id: str) -> RunHandle:
        """Try a dead letter again; gives the run that goes on: the same, or the fork of an ended one."""
        request = dead_letter_pb2.RequeueDeadLetterRequest(
            namespace=self.namespace, dead_letter_id=dead_letter_id, request_id=request_id()
        )
        method = self._connection.stubs.dead_letters.RequeueDeadLetter
        response = await self._connection.call(method, request)
        return RunHandle(self._connection, response.run_id)

    async def discard(self, dead_letter_id: str, reason: str = "") -> None:
        """Give a dead letter up; a run that is BLOCKED on it fails."""
        request = dead_letter_pb2.DiscardDeadLetterRequest(
            namespace=self.namespace, dead_letter_id=dead_letter_id, reason=reason, request_id=request_id()
        )
        await self._connection.call(self._connection.stubs.dead_letters.DiscardDeadLetter, request)

    async def workers(self) -> list[WorkerInfo]:
        """The workers the server knows in this namespace."""
        request = admin_pb2.ListWorkersRequest(namespace=self.namespace)
        response = await self._connection.call(self._connection.stubs.admin.ListWorkers, request)
        return [_records.worker(message) for message in response.workers]

    async def queues(self) -> list[QueueInfo]:
        """Every queue and action with tasks or workers in this namespace."""
        request = admin_pb2.ListQueuesRequest(namespace=self.namespace)
        response = await self._connection.call(self._connection.stubs.admin.ListQueues, request)
        return [_records.queue(message) for message in response.queues]

    async def timers(self, *, workflow: str = "", limit: int | None = None) -> AsyncIterator[TimerInfo]:
        """Timers that are set, soonest first; iterate with `async for`."""
        request = admin_pb2.ListTimersRequest(namespace=self.namespace, workflow=workflow)
        async for message in self._pages(self._connection.stubs.admin.ListTimers, request, "timers", limit):
            yield _operations.timer(message)

    async def overview(self) -> Overview:
        """How this namespace stands, in one answer."""
        request = admin_pb2.GetOverviewRequest(namespace=self.namespace)
        return _operations.overview(await self._connection.call(self._connection.stubs.admin.GetOverview, request))

    async def server(self) -> ServerInfo:
        """What the server says about itself; the cheapest call to see whether it is there."""
        request = admin_pb2.GetServerRequest()
        return _records.server(await self._connection.call(self._connection.stubs.admin.GetServer, request))

    async def _pages(self, method: Any, request: Any, field: str, limit: int | None) -> AsyncIterator[Any]:
        """The messages of every page, at most `limit`."""
        left = limit if limit is not None else float("inf")
        request.page_size = int(min(left, 500))
        while left > 0:
            response = await self._connection.call(method, request)
            for message in list(getattr(response, field))[: int(min(left, 10_000))]:
                left -= 1
                yield message
            request.page_token = response.next_page_token
            if not request.page_token:
                return


def definition_text(definition: Definition) -> str:
    """The text of a definition: a one-line string that does not begin with `{` is a path."""
    if isinstance(definition, Mapping):
        return json.dumps(definition)
    if isinstance(definition, str) and ("\n" in definition or definition.lstrip().startswith("{")):
        return definition
    return Path(definition).read_text(encoding="utf-8")


def _numbers(enum: Any, prefix: str, states: Iterable[str]) -> list[Any]:
    return [enum.Value(prefix + state) for state in states]


def _timedelta(timeout: float | timedelta) -> timedelta:
    span = timeout if isinstance(timeout, timedelta) else timedelta(seconds=timeout)
    if span <= timedelta(0):
        raise ValueError(f"timeout: expected more than 0 seconds, came {timeout!r}")
    return span


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment.astimezone() if moment.tzinfo is None else moment)
    return stamp


def _check_size(request: run_pb2.StartRunRequest) -> None:
    """Refuse what the transport would cut off with a far less clear error."""
    size = request.ByteSize()
    if size > PAYLOAD_BYTES_MAX:
        limit = PAYLOAD_BYTES_MAX
        raise PayloadTooLarge(
            f"input: expected at most {limit} bytes, came {size}",
            code="INVALID_ARGUMENT",
            reason="PAYLOAD_TOO_LARGE",
            metadata={"field": "input", "size": str(size), "limit": str(limit)},
        )
