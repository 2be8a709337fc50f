"""What happens to a trace when replies are lost, servers die, nobody samples, or nobody listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.conformance.proxy import Proxy, Trouble
from tests.integration.api import Api
from tests.support.otlp import Received, exporting_to
from tests.support.programs import wait_until
from tests.telemetry.conftest import Scene
from tests.telemetry.test_one_trace import nothing_twice, one, start, trace_of

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, CALLER = PARENT.split("-")[1:3]
CANCEL = 8
TWO = [{"id": "a", "action": "plain"}, {"id": "b", "action": "plain", "needs": ["a"]}]


@asynccontextmanager
async def proxy_of(scene: Scene) -> AsyncIterator[Proxy]:
    """A proxy before the scene's server."""
    proxy = Proxy(scene.server.port)
    await proxy.up()
    try:
        yield proxy
    finally:
        await proxy.down()


async def started(scene: Scene, workflow: str, **fields: object) -> str:
    """Start a run as a client that is not traced itself, and wait for its end."""
    async with Api(scene.server.port) as api:
        run_id = await api.start(workflow, **fields)
        await api.wait(run_id)
    return run_id


async def output_of(scene: Scene, workflow: str, **fields: object) -> Any:
    """What such a run gives."""
    async with Api(scene.server.port) as api:
        return json.loads((await api.wait(await api.start(workflow, **fields))).output.json)


async def test_lost_replies_make_nothing_twice(scene: Scene) -> None:
    environment = scene.receiver.environment()
    scene.serve(environment)
    async with proxy_of(scene) as proxy:
        proxy.losses += [Trouble("StartRuns", 1, CANCEL), Trouble("CompleteTask", 2, CANCEL)]
        scene.work(environment, proxy.address)
        await asyncio.to_thread(scene.apply, "lossy", TWO)
        start_it = ("run", "start", "lossy", "--address", proxy.address, "--json")
        done = await asyncio.to_thread(scene.cli, *start_it, environment=environment)
        assert done.status == 0, done.err
        spans = await asyncio.to_thread(trace_of, scene, done.document["run_id"])
        assert (proxy.called["StartRuns"], proxy.called["CompleteTask"]) == (2, 4)
        nothing_twice(spans)
        assert one(spans, "run lossy").parent == one(spans, "start lossy").id
        for step in ("a", "b"):
            work = one(spans, "process plain", step, 1)
            assert work.parent == one(spans, f"attempt {step}", step, 1).id
            told = await asyncio.to_thread(scene.receiver.until, _linked_to(work))
            assert [s.name for s in told] == ["complete traced"]
    assert len([s for s in scene.receiver.spans if s.name.startswith("run ")]) == 1


def _linked_to(work: Received) -> Callable[[list[Received]], list[Received]]:
    return lambda came: [s for s in came if work.place in s.links]


async def test_a_server_that_takes_over_goes_on_with_the_same_trace(scene: Scene) -> None:
    environment = scene.receiver.environment()
    scene.serve(environment)
    scene.work(environment)
    await asyncio.to_thread(
        scene.apply,
        "handed-over",
        [{"id": "a", "action": "plain"}, {"id": "s", "needs": ["a"], "sleep": "2s"}, {**TWO[1], "needs": ["s"]}],
    )
    run_id = await asyncio.to_thread(start, scene, "handed-over")
    before = await asyncio.to_thread(scene.receiver.until, lambda came: [s for s in came if s.name == "step a"])
    scene.server.send("KILL")
    await asyncio.to_thread(scene.server.end)
    await asyncio.to_thread(scene.server.start)
    spans = await asyncio.to_thread(trace_of, scene, run_id)
    nothing_twice(spans)
    run = one(spans, "run handed-over")
    assert before[0].parent == run.id
    assert {s.name for s in spans if s.parent == run.id} == {"step a", "step s", "step b"}
    assert one(spans, "process plain", "b", 1).parent == one(spans, "attempt b", "b", 1).id


async def test_a_trace_that_is_not_sampled_has_no_spans_and_still_travels(traced: Scene) -> None:
    await asyncio.to_thread(traced.apply, "unsampled", TWO)
    unsampled = {"traceparent": PARENT[:-2] + "00", "tracestate": "vendor=x"}
    output = await output_of(traced, "unsampled", trace=unsampled)
    carried = output["trace"]
    assert carried["traceparent"].split("-")[1::2] == [TRACE, "00"]
    assert carried["tracestate"] == "vendor=x"
    # What comes after it, from every program, shows that nothing of it is still on its way.
    after = await asyncio.to_thread(start, traced, "unsampled")
    spans = await asyncio.to_thread(trace_of, traced, after)
    last = one(spans, "process plain", "b", 1)
    await asyncio.to_thread(traced.receiver.until, _linked_to(last))
    came = traced.receiver.spans
    assert [s.name for s in came if s.trace == TRACE] == []
    named = [s.attributes for s in came if s.attributes.get("stellwerk.workflow.name") == "unsampled"]
    about = {facts["stellwerk.run.id"] for facts in named}
    assert about == {after}


async def test_a_caller_with_a_trace_of_its_own_is_the_parent(traced: Scene) -> None:
    await asyncio.to_thread(traced.apply, "called", TWO)
    mine = PARENT.replace("0af765", "1bf765")
    output = await output_of(traced, "called", trace={"traceparent": mine, "tracestate": "vendor=x"})
    trace = mine.split("-")[1]
    spans = await asyncio.to_thread(traced.receiver.until, lambda came: _whole([s for s in came if s.trace == trace]))
    assert one(spans, "run called").parent == CALLER
    named = one(spans, "attempt b", "b", 1)
    assert output["trace"] == {"traceparent": f"00-{trace}-{named.id}-01", "tracestate": "vendor=x"}


def _whole(spans: list[Received]) -> list[Received]:
    return spans if {"run called", "attempt b"} <= {span.name for span in spans} else []


async def test_without_telemetry_in_the_server_tasks_belong_to_the_start(scene: Scene) -> None:
    scene.serve({})
    scene.work(scene.receiver.environment())
    await asyncio.to_thread(scene.apply, "quiet", TWO)
    assert (await output_of(scene, "quiet", trace={"traceparent": PARENT}))["trace"] == {"traceparent": PARENT}
    await asyncio.to_thread(start, scene, "quiet")
    found = await asyncio.to_thread(scene.receiver.until, lambda came: [s for s in came if s.name == "start quiet"])
    begun = found[0]
    works = await asyncio.to_thread(
        scene.receiver.until,
        lambda came: sorted(s.step for s in came if s.parent == begun.id and s.name == "process plain") == ["a", "b"],
    )
    assert works
    assert {s.service for s in scene.receiver.spans} == {"worker", "client"}


async def test_runs_succeed_and_programs_end_when_nobody_takes_the_spans(scene: Scene) -> None:
    nowhere = exporting_to("http://127.0.0.1:1") | {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    server = scene.serve(nowhere)
    worker = scene.work(nowhere)
    await asyncio.to_thread(scene.apply, "unheard", TWO)
    done = await asyncio.to_thread(scene.cli, "run", "start", "unheard", "--wait", "--json", environment=nowhere)
    assert done.status == 0, done.err
    for _ in range(20):
        await started(scene, "unheard")
    said = "does not get spans out"
    assert await asyncio.to_thread(wait_until, lambda: said in server.log.read_text(), 30), server.tail()
    for program in (worker, server):
        await asyncio.to_thread(program.end)
        assert program.exit_code == 0, program.tail()
    assert server.log.read_text().count(said) == 1
