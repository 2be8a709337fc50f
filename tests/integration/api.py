"""Bare gRPC calls for the tests: requests in few words, errors with their details read, workers played by hand."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from stellwerk._connection import stubs
from stellwerk.v1 import payload_pb2, run_pb2, worker_pb2, workflow_pb2

PATIENCE_S = 20.0
T = TypeVar("T")


@dataclass(frozen=True)
class Refused(Exception):
    """A failed call, with what its details say."""

    code: str
    message: str
    reason: str
    metadata: dict[str, str]
    fields: dict[str, str]
    retry_s: float | None

    def __str__(self) -> str:
        return f"{self.code} {self.reason}: {self.message}"


class Api:
    """One connection; `call` raises Refused."""

    def __init__(self, port: int, namespace: str = "") -> None:
        size = 128 * 1024 * 1024
        self.channel = grpc.aio.insecure_channel(
            f"127.0.0.1:{port}",
            options=[
                ("grpc.max_send_message_length", size),
                ("grpc.max_receive_message_length", 16 * 1024 * 1024),
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.initial_reconnect_backoff_ms", 50),
                ("grpc.max_reconnect_backoff_ms", 200),
            ],
        )
        self.namespace = namespace
        found = stubs(self.channel)
        self.runs, self.workflows, self.dead_letters = found.runs, found.workflows, found.dead_letters
        self.admin, self.workers = found.admin, found.workers

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.channel.close(None)

    async def apply(self, definition: str) -> workflow_pb2.Workflow:
        request = workflow_pb2.ApplyWorkflowRequest(namespace=self.namespace, definition=definition)
        return (await call(self.workflows.ApplyWorkflow(request))).workflow

    async def start(self, workflow: str, value: Any = None, **fields: Any) -> str:
        return (await self.start_response(workflow, value, **fields)).run_id

    async def start_response(self, workflow: str, value: Any = None, **fields: Any) -> run_pb2.StartRunResponse:
        fields = {"input": payload(value), **fields}
        return await call(
            self.runs.StartRun(run_pb2.StartRunRequest(namespace=self.namespace, workflow=workflow, **fields))
        )

    async def get(self, run_id: str, *, steps: bool = True) -> run_pb2.Run:
        request = run_pb2.GetRunRequest(namespace=self.namespace, run_id=run_id, include_steps=steps)
        return (await call(self.runs.GetRun(request))).run

    async def step(self, run_id: str, step: str) -> run_pb2.Step:
        return next(s for s in (await self.get(run_id)).steps if s.step == step)

    async def wait(self, run_id: str, wait_s: float = PATIENCE_S) -> run_pb2.RunResult:
        """The run's result; fails when it does not end in time."""
        request = run_pb2.WaitRunRequest(namespace=self.namespace, run_id=run_id, wait=duration(wait_s))
        response = await call(self.runs.WaitRun(request))
        assert response.ended, f"{run_id} did not end in {wait_s} s"
        return response.result

    async def history(self, run_id: str) -> list[run_pb2.Event]:
        request = run_pb2.GetHistoryRequest(namespace=self.namespace, run_id=run_id)
        return list((await call(self.runs.GetHistory(request))).events)

    async def poll(
        self,
        *actions: str,
        worker: str = "w1",
        max_tasks: int = 1,
        wait_s: float = PATIENCE_S,
        queue: str = "",
        pinned_build: str = "",
    ) -> list[worker_pb2.Task]:
        request = worker_pb2.PollTaskRequest(
            namespace=self.namespace,
            worker_id=worker,
            actions=actions,
            max_tasks=max_tasks,
            wait=duration(wait_s),
            queue=queue,
            pinned_build=pinned_build,
        )
        return list((await call(self.workers.PollTask(request))).tasks)

    async def take(self, action: str, *, worker: str = "w1", wait_s: float = PATIENCE_S) -> worker_pb2.Task:
        """One task; fails when none comes in time."""
        tasks = await self.poll(action, worker=worker, wait_s=wait_s)
        assert tasks, f"no task of {action} in {wait_s} s"
        return tasks[0]

    async def finish(self, *results: worker_pb2.TaskResult, worker: str = "w1") -> list[payload_pb2.Refusal | None]:
        """The refusal of each result, None where it was recorded."""
        request = worker_pb2.CompleteTaskRequest(namespace=self.namespace, worker_id=worker, results=results)
        response = await call(self.workers.CompleteTask(request))
        return [v.refusal if v.HasField("refusal") else None for v in response.verdicts]

    async def complete(self, task: worker_pb2.Task, value: Any = None) -> payload_pb2.Refusal | None:
        return (await self.finish(succeeded(task, value)))[0]

    async def fail(self, task: worker_pb2.Task, kind: str = "Boom", **fields: Any) -> payload_pb2.Refusal | None:
        failure = payload_pb2.Failure(type=kind, message="no", **fields)
        return (await self.finish(worker_pb2.TaskResult(token=task.token, failure=failure)))[0]

    @asynccontextmanager
    async def line(
        self, worker: str = "w1", *actions: str, held: Sequence[bytes] = (), **hello: Any
    ) -> AsyncIterator[Line]:
        """A worker's heartbeat line, open for the block."""
        stream = self.workers.Heartbeat()
        line = Line(stream, self.namespace, worker)
        await line.beat(*held, actions=actions, **hello)
        assert (await line.hear()).interval_ms > 0
        try:
            yield line
        finally:
            stream.cancel()


class Line:
    """An open heartbeat line."""

    def __init__(self, stream: Any, namespace: str, worker: str) -> None:
        self.stream = stream
        self._namespace, self._worker = namespace, worker

    async def beat(self, *held: bytes, **fields: Any) -> None:
        tasks = [worker_pb2.HeldTask(token=token) for token in held]
        request = worker_pb2.HeartbeatRequest(namespace=self._namespace, worker_id=self._worker, held=tasks, **fields)
        await self.stream.write(request)

    async def hear(self, patience_s: float = PATIENCE_S) -> worker_pb2.HeartbeatResponse:
        return await asyncio.wait_for(self.stream.read(), patience_s)

    @asynccontextmanager
    async def beating(self, *held: bytes, every_s: float = 0.3) -> AsyncIterator[None]:
        """Name the tasks again and again during the block."""

        async def beat() -> None:
            with suppress(grpc.RpcError, asyncio.InvalidStateError):
                while True:
                    await self.beat(*held)
                    await asyncio.sleep(every_s)

        task = asyncio.create_task(beat())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def call(started: Awaitable[T]) -> T:
    """The answer, or Refused."""
    try:
        return await started
    except grpc.aio.AioRpcError as error:
        raise refused(error) from error


def refused(error: grpc.aio.AioRpcError) -> Refused:
    """What a failed call says."""
    reason, metadata, fields, retry_s = "", {}, {}, None
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        for detail in status_pb2.Status.FromString(value).details:
            info, bad, retry = (
                error_details_pb2.ErrorInfo(),
                error_details_pb2.BadRequest(),
                error_details_pb2.RetryInfo(),
            )
            if detail.Unpack(info):
                assert info.domain == "stellwerk"
                reason, metadata = info.reason, dict(info.metadata)
            elif detail.Unpack(bad):
                fields = {v.field: v.description for v in bad.field_violations}
            elif detail.Unpack(retry):
                retry_s = retry.retry_delay.ToTimedelta().total_seconds()
    return Refused(error.code().name, error.details() or "", reason, metadata, fields, retry_s)


async def refusal(started: Awaitable[Any]) -> Refused:
    """The Refused a call must end with."""
    try:
        answer = await started
    except grpc.aio.AioRpcError as error:
        return refused(error)
    except Refused as error:
        return error
    raise AssertionError(f"expected a refusal, came {answer!r}")


def payload(value: Any) -> payload_pb2.Payload:
    return payload_pb2.Payload(json=json.dumps(value))


def duration(seconds: float) -> Duration:
    return Duration(seconds=int(seconds), nanos=round(seconds % 1 * 1e9))


def succeeded(task: worker_pb2.Task, value: Any = None) -> worker_pb2.TaskResult:
    return worker_pb2.TaskResult(token=task.token, output=payload(value))


def released(task: worker_pb2.Task) -> worker_pb2.TaskResult:
    return worker_pb2.TaskResult(token=task.token, release=worker_pb2.Release())


async def eventually(look: Callable[[], Awaitable[T]], patience_s: float = PATIENCE_S) -> T:
    """What `look` gives once it is true."""
    deadline = time.monotonic() + patience_s
    while not (found := await look()):
        assert time.monotonic() < deadline, f"not in {patience_s} s: {look}"
        await asyncio.sleep(0.02)
    return found
