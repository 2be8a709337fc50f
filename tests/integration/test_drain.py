"""A server that stops: polls end empty and OK, what is under way finishes, callers are sent elsewhere, all at once."""

from __future__ import annotations

import asyncio
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from stellwerk.v1 import run_pb2, worker_pb2
from stellwerk_server.server import PortInUse, Server
from tests.integration.api import Api, call, duration, payload, refusal, succeeded
from tests.integration.conftest import StartServer

ONE = "name: one\nsteps: [{id: s, action: a}]"
SERVICES = ["AdminService", "DeadLetterService", "RunService", "WorkerService", "WorkflowService"]


async def test_every_service_is_healthy_and_reflected(api: Api) -> None:
    health = health_pb2_grpc.HealthStub(api.channel)
    stream = reflection_pb2_grpc.ServerReflectionStub(api.channel).ServerReflectionInfo()
    await stream.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    listed = [service.name for service in (await stream.read()).list_services_response.service]
    await stream.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol="stellwerk.v1.RunService"))
    assert (await stream.read()).file_descriptor_response.file_descriptor_proto
    stream.cancel()
    ours = [f"stellwerk.v1.{name}" for name in SERVICES]
    assert {*ours, "grpc.health.v1.Health"} <= set(listed)
    for name in ["", *ours]:
        answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_polls_end_empty_and_health_says_so(server: Server, api: Api) -> None:
    watch = health_pb2_grpc.HealthStub(api.channel).Watch(health_pb2.HealthCheckRequest(service=""))
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    polls = [asyncio.create_task(api.poll("a", worker=f"w{i}")) for i in range(5)]
    await asyncio.sleep(0.2)
    stopping = asyncio.create_task(server.stop())
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    watch.cancel()
    assert await asyncio.gather(*polls) == [[]] * 5
    await stopping


async def test_completions_under_way_are_recorded(start_server: StartServer) -> None:
    server = await start_server()
    async with Api(server.port) as api:
        await api.apply("name: many\nsteps: [{id: f, action: a, foreach: '${input}'}]")
        run_id = await api.start("many", list(range(300)))
        tasks = await api.poll("a", max_tasks=300)
        while len(tasks) < 300:
            tasks += await api.poll("a", max_tasks=300)
        completing = [asyncio.create_task(api.finish(succeeded(task, 1))) for task in tasks]
        await asyncio.sleep(0.01)
        await server.stop()
        verdicts = await asyncio.gather(*completing, return_exceptions=True)
    recorded = [verdict for verdict in verdicts if verdict == [None]]
    unavailable = [verdict for verdict in verdicts if isinstance(verdict, Exception)]
    assert recorded
    assert len(recorded) + len(unavailable) == 300
    fresh = await start_server()
    async with Api(fresh.port) as api:
        finished = (await api.step(run_id, "f")).items_finished
        assert len(recorded) <= finished


async def test_open_streams_and_long_waits_do_not_hold_a_stop_up(start_server: StartServer) -> None:
    server = await start_server(drain_s=15.0)
    async with Api(server.port) as api:
        await api.apply(ONE)
        run_id = await api.start("one")
        awaiting = api.runs.AwaitRuns()
        await awaiting.write(run_pb2.AwaitRunsRequest(run_ids=[run_id]))
        watching = api.runs.WatchRun(run_pb2.WatchRunRequest(run_id=run_id))
        await watching.read()
        chunks = api.workers.StreamResult()
        await chunks.write(worker_pb2.StreamResultRequest(token=b"x", sequence=1, chunk=payload(1)))
        await chunks.read()
        waiting = asyncio.create_task(call(api.runs.WaitRun(run_pb2.WaitRunRequest(run_id=run_id, wait=duration(60)))))
        starting = asyncio.create_task(api.start_response("one", wait=duration(60)))
        line = api.workers.Heartbeat()
        await line.write(worker_pb2.HeartbeatRequest(worker_id="w", actions=["b"]))
        await line.read()
        await asyncio.sleep(0.2)
        began = time.monotonic()
        await server.stop()
        assert time.monotonic() - began < 4
        assert (await line.read()).draining
        assert not (await waiting).ended
        started = await starting
        assert started.run_id
        assert not started.HasField("result")
        for stream in (awaiting, watching, chunks):
            error = await refusal(last(stream))
            assert (error.code, error.reason) == ("UNAVAILABLE", "DRAINING")
            assert error.retry_s is not None


async def last(stream: grpc.aio.Call) -> object:
    while (answer := await stream.read()) is not grpc.aio.EOF:
        pass
    return answer


async def test_a_stop_takes_no_tasks_from_workers_that_cannot_come_back_yet(start_server: StartServer) -> None:
    """Their lines were ended by the server: that says nothing about them."""
    server = await start_server(drain_s=3.0)
    async with Api(server.port) as api:
        await api.apply(ONE)
        run_id = await api.start("one")
        line = api.workers.Heartbeat()
        await line.write(worker_pb2.HeartbeatRequest(worker_id="w1", actions=["a"]))
        await line.read()
        task = await api.take("a")
        held_up = health_pb2_grpc.HealthStub(api.channel).Watch(health_pb2.HealthCheckRequest(service=""))
        await held_up.read()
        await server.stop()
        held_up.cancel()
        line.cancel()
    fresh = await start_server()
    async with Api(fresh.port) as api, api.line("w1", "a", held=[task.token]):
        assert await api.complete(task, "kept") is None
        assert (await api.wait(run_id)).output.json == '"kept"'


async def test_a_port_in_use_is_named(server: Server, start_server: StartServer) -> None:
    with pytest.raises(PortInUse, match=f"127.0.0.1:{server.port}"):
        await start_server(port=server.port, http_port=0)


async def test_starting_and_stopping_again_and_again_leaves_nothing(start_server: StartServer) -> None:
    before = {task for task in asyncio.all_tasks() if not task.done()}
    for _ in range(5):
        server = await start_server()
        await server.stop()
    await asyncio.sleep(0)
    left = {task for task in asyncio.all_tasks() if not task.done()} - before
    assert not left
