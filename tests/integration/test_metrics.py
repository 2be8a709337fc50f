"""/metrics of a real server: every figure of docs/telemetry.md is there, and moves when the thing happens."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from websockets.asyncio.client import connect

from stellwerk.v1 import admin_pb2, run_pb2
from stellwerk_server.server import Server
from stellwerk_server.store import gauges
from tests.integration.api import Api, eventually, succeeded
from tests.integration.code_api import CODE, decide, register, succeed
from tests.integration.conftest import StartServer

PAGE = Path(__file__).parents[2] / "docs/telemetry.md"
ROW = re.compile(r"^\| `(stellwerk_\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}

LOST = "name: lost\nsteps: [{id: one, action: l, queue: far}]"

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scrape(server: Server, **headers: str) -> tuple[str, str]:
    """The content type and the text."""
    async with httpx.AsyncClient() as http:
        response = await http.get(f"http://127.0.0.1:{server.http_port}/metrics", headers=headers)
    assert response.status_code == 200, response.text
    return response.headers["content-type"], response.text


async def samples(server: Server) -> Samples:
    _, text = await scrape(server)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in read_text(text) for s in family.samples}


def value(found: Samples, name: str, **labels: str) -> float:
    """The sample whose labels have these values, others whatever; they are added up."""
    wanted = labels.items()
    fit = [value for (sample, its), value in found.items() if sample == name and wanted <= dict(its).items()]
    assert fit, f"no {name} with {labels}"
    return sum(fit)


def documented() -> dict[str, tuple[str, set[str]]]:
    """What the page says of a server's metrics; those of the canary are its own."""
    rows = [row for row in ROW.findall(PAGE.read_text()) if not row[0].startswith("stellwerk_canary_")]
    return {
        name: (kind, {label.strip() for label in labels.split(",") if label.strip()}) for name, kind, labels in rows
    }


async def a_busy_minute(api: Api) -> None:
    """Something of everything that is counted."""
    once = "retry: {max_attempts: 1}"
    await api.apply(f"name: plain\nsteps: [{{id: one, action: a, {once}}}]")
    await api.apply(f"name: stuck\nsteps: [{{id: one, action: s, {once}, on_failure: park}}]")
    await api.apply("name: naps\nsteps: [{id: one, sleep: 100ms}]")
    await api.apply(LOST)
    for _ in range(3):
        await api.start("plain")
    first = await api.take("a")
    assert await api.complete(first) is None
    refused = await api.complete(first, "something else")
    assert refused is not None
    assert refused.reason == "LEASE_LOST"
    await api.fail(await api.take("a"), "Boom")
    await api.start("stuck")
    await api.fail(await api.take("s"), "Boom")
    await api.wait(await api.start("naps"))
    assert not await api.poll("nothing", wait_s=0.01)
    waiting = asyncio.create_task(api.take("quick"))
    await api.apply("name: quick\nsteps: [{id: one, action: quick}]")
    while not waiting.done():
        await api.start("quick")
        await asyncio.wait([waiting], timeout=0.2)
    await api.finish(succeeded(await waiting, None))
    await register(api)
    run_id = await api.start("signup")
    await decide(api, await api.take(CODE), succeed(1))
    await api.wait(run_id)


async def a_lost_lease(api: Api) -> None:
    await api.apply(LOST)
    await api.start("lost")
    await api.poll("l", queue="far", worker="slow")
    (again,) = await api.poll("l", queue="far", worker="quick")
    assert again.attempt == 2


async def test_leases_that_run_out_are_counted(start_server: StartServer) -> None:
    server = await start_server(lease_s=1.0)
    async with Api(server.port) as api:
        await a_lost_lease(api)
    found = await samples(server)
    labels = {"namespace": "default", "queue": "far", "action": "l"}
    assert value(found, "stellwerk_task_leases_expired_total", **labels) >= 1
    assert value(found, "stellwerk_task_attempts_total", outcome="failed", error_type="LeaseExpired", **labels) >= 1


async def test_every_figure_of_the_page_is_there_and_has_moved(api: Api, server: Server) -> None:
    await a_busy_minute(api)
    await api.start("lost")
    async with api.line("w9", "a", slots=4) as line:
        await until_listed(api, "w9")
        held = await api.take("a", worker="w9")
        async with line.beating(held.token):
            found = await samples(server)
    mine: dict[str, str] = {"namespace": "default"}
    task = {**mine, "queue": "default", "action": "a"}
    expected: list[tuple[float, str, dict[str, str]]] = [
        (3, "stellwerk_runs_started_total", {**mine, "workflow": "plain"}),
        (1, "stellwerk_runs_started_total", {**mine, "workflow": "signup"}),
        (1, "stellwerk_runs_finished_total", {**mine, "workflow": "plain", "outcome": "succeeded"}),
        (1, "stellwerk_runs_finished_total", {**mine, "workflow": "plain", "outcome": "failed"}),
        (2, "stellwerk_run_duration_seconds_count", {**mine, "workflow": "plain"}),
        (1, "stellwerk_runs_blocked", {**mine, "reason": "step_dead"}),
        (1, "stellwerk_runs_open", {**mine, "state": "blocked"}),
        (2, "stellwerk_task_schedule_to_start_seconds_count", task),
        (2, "stellwerk_task_execution_seconds_count", task),
        (1, "stellwerk_task_attempts_total", {**task, "outcome": "succeeded", "error_type": ""}),
        (1, "stellwerk_task_attempts_total", {**task, "outcome": "dead", "error_type": "Boom"}),
        (1, "stellwerk_task_attempts_total", {"action": "workflow:signup", "outcome": "succeeded"}),
        (1, "stellwerk_task_results_fenced_total", {}),
        (1, "stellwerk_tasks_dead", {**mine, "queue": "default", "action": "a"}),
        (1, "stellwerk_task_queue_depth", {**mine, "queue": "far", "action": "l"}),
        (0, "stellwerk_task_queue_depth", {**mine, "queue": "default", "action": "s"}),
        (1, "stellwerk_timers_fired_total", {}),
        (1, "stellwerk_timer_lag_seconds_count", {}),
        (1, "stellwerk_worker_slots", {"state": "used", "queue": "default"}),
        (1, "stellwerk_database_up", {}),
        (1, "stellwerk_build_info", {}),
        (0, "stellwerk_live_readers", {"kind": "sse"}),
    ]
    came = [(value(found, name, **labels), name, labels) for _, name, labels in expected]
    assert came == expected
    assert value(found, "stellwerk_polls_total", result="hit") >= 4
    assert value(found, "stellwerk_polls_total", result="sync") >= 1
    assert value(found, "stellwerk_polls_total", result="empty") >= 1
    assert value(found, "stellwerk_poll_batch_size_count", queue="default") >= 5
    assert value(found, "stellwerk_task_queue_oldest_age_seconds", action="l") > 0
    assert value(found, "stellwerk_workers", queue="default") >= 1
    assert value(found, "stellwerk_commit_batch_size_sum") >= value(found, "stellwerk_commit_seconds_count") > 5
    assert value(found, "stellwerk_db_pool_wait_seconds_count") > 0
    assert value(found, "stellwerk_rpc_server_call_duration_seconds_count", method="StartRun", code="OK") >= 5
    for name, (_, labels) in documented().items():
        its = [dict(labels) for (sample, labels) in found if re.fullmatch(name + "(_bucket|_sum|_count)?", sample)]
        assert its or name in LATER, f"{name} is on the page and not in the answer"
        assert all(set(one) - {"le"} == labels for one in its), name


# What needs more than this to be there.
LATER = {
    "stellwerk_task_leases_expired_total",
    "stellwerk_http_server_request_duration_seconds",
}


async def test_http_requests_are_timed_by_the_pattern_of_their_route(api: Api, server: Server) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.http_port}") as http:
        await http.get("/api/runs/run_0000000000000")
        await http.get("/api/runs?page_size=x")
        await http.delete("/api/nothing/here")
    found = await samples(server)
    name = "stellwerk_http_server_request_duration_seconds_count"
    assert value(found, name, route="/api/runs/{run_id}", method="GET", status="404") == 1
    assert value(found, name, route="/api/runs", method="GET", status="400") == 1
    assert value(found, name, route="other", method="DELETE", status="404") == 1


async def until_listed(api: Api, worker: str) -> None:
    async def listed() -> bool:
        response = await api.admin.ListWorkers(admin_pb2.ListWorkersRequest())
        return worker in [one.worker_id for one in response.workers]

    await eventually(listed)


async def test_both_formats_say_the_same_and_nothing_that_the_page_has_not(api: Api, server: Server) -> None:
    await a_busy_minute(api)
    plain_type, plain = await scrape(server)
    strict_type, strict = await scrape(server, **OPENMETRICS)
    assert plain_type.startswith("text/plain")
    assert strict_type.startswith("application/openmetrics-text")
    page = documented()
    for families in (list(read_text(plain)), list(read_openmetrics(strict))):  # type: ignore[no-untyped-call]
        for family in families:
            name = f"{family.name}_total" if family.type == "counter" else family.name
            assert page[name][0] == family.type, name
            for labels in (sample.labels for sample in family.samples):
                assert set(labels) - {"le"} == page[name][1], name
    assert not re.search(r"run_[0-9a-z]{13}", plain)


async def test_error_types_are_bounded(api: Api, server: Server) -> None:
    once = "retry: {max_attempts: 1}, on_failure: continue"
    await api.apply(f"name: plain\nsteps: [{{id: one, action: a, foreach: '${{input}}', {once}}}]")
    await api.start("plain", list(range(130)))
    for number in range(130):
        await api.fail(await api.take("a"), f"Error{number}")
    kinds = {
        dict(labels).get("error_type") for name, labels in await samples(server) if name.endswith("attempts_total")
    }
    assert len(kinds) == 101
    assert "other" in kinds


async def test_a_scrape_without_a_database_has_what_the_server_counted(
    start_server: StartServer, api: Api, server: Server
) -> None:
    await api.apply("name: plain\nsteps: [{id: one, action: a}]")
    await api.start("plain")
    assert value(await samples(server), "stellwerk_runs_open", state="running") == 1
    await server._pool.close()

    async def noticed() -> Samples | None:
        seen = await samples(server)
        return None if value(seen, "stellwerk_database_up") else seen

    found = await eventually(noticed)
    assert found is not None
    assert value(found, "stellwerk_runs_started_total") == 1
    assert not [name for name, _ in found if name in ("stellwerk_runs_open", "stellwerk_task_queue_depth")]


async def test_many_scrapes_are_one_look_at_the_database(
    api: Api, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Any] = []
    read = gauges.read

    async def counted(connection: Any) -> Any:
        looks.append(connection)
        return await read(connection)

    monkeypatch.setattr(gauges, "read", counted)
    await asyncio.gather(*(samples(server) for _ in range(20)))
    assert len(looks) == 1


async def test_live_readers_are_counted_while_they_read(api: Api, server: Server) -> None:
    await api.apply("name: naps\nsteps: [{id: one, sleep: 1h}]")
    run_id = await api.start("naps")

    async def reading(*expected: int) -> bool:
        found = await samples(server)
        kinds = ("sse", "websocket", "watch")
        return tuple(value(found, "stellwerk_live_readers", kind=kind) for kind in kinds) == expected

    address = f"127.0.0.1:{server.http_port}"
    watch = api.runs.WatchRun(run_pb2.WatchRunRequest(run_id=run_id))
    assert await watch.read()
    async with httpx.AsyncClient() as http, http.stream("GET", f"http://{address}/api/events") as stream:
        assert stream.status_code == 200
        async with connect(f"ws://{address}/api/ws"):
            await eventually(lambda: reading(1, 1, 1))
        await eventually(lambda: reading(1, 0, 1))
    watch.cancel()
    await eventually(lambda: reading(0, 0, 0))
