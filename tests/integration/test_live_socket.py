"""Live events over the WebSocket: the same frames as the event streams, several subscriptions, and what it refuses."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stellwerk_server.server import Server
from tests.integration.api import Api
from tests.integration.conftest import StartServer
from tests.integration.live_api import Frame, Socket, socket, stream

ONE = "name: one\nsteps: [{id: s, action: a}]"


def problem(frames: list[Frame]) -> dict[str, Any]:
    """The problem of an error frame."""
    assert [frame.event for frame in frames] == ["error"]
    found: dict[str, Any] = frames[0].data
    return found


async def test_several_subscriptions_share_a_connection(server: Server, api: Api) -> None:
    await api.apply(ONE)
    run_id = await api.start("one", 1)
    async with socket(server.http_port) as live:
        await live.say(subscribe="run", id="a", run_id=run_id, chunks=True)
        await live.say(subscribe="events", id="b", types=["RUN_*"], payloads=True)
        await live.until("b", "ready")
        await api.complete(await api.take("a"), 2)
        got: dict[str, list[Frame]] = {"a": [], "b": []}
        while not got["b"] or "end" not in [frame.event for frame in got["a"]]:
            whose, frames = await live.hear()
            got[whose] += frames
    async with stream(server.http_port, f"/api/runs/{run_id}/events", chunks="true") as same:
        expected = await same.all()
    seen = [frame for frame in got["a"] if frame.event != "ready"]
    assert seen == expected[-len(seen) :]
    assert seen[-1].data["state"] == "SUCCEEDED"
    assert [frame.data["type"] for frame in got["b"]] == ["RUN_SUCCEEDED"]
    assert got["b"][0].data["payload"] == 2


async def test_a_subscription_goes_on_where_another_was(server: Server, api: Api) -> None:
    await api.apply(ONE)
    async with socket(server.http_port) as live:
        await live.say(subscribe="events", id="a")
        await live.until("a", "ready")
        await api.start("one")
        frames = await live.until("a", "event")
        await live.say(unsubscribe="a")
        await live.say(subscribe="events", id="a", after=frames[0].id)
        again = await live.until("a", "event")
    assert again[0] == Frame("ready", frames[0].id, {})
    assert again[1].data["sequence"] == 2


@pytest.mark.parametrize("topic", ["overview", "workers", "queues"])
async def test_states_are_told_now_and_when_they_change(
    server: Server, api: Api, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stellwerk_server.web.live_states.EVERY_S", 0.05)
    await api.apply(ONE)
    async with socket(server.http_port) as live:
        await live.say(subscribe=topic, id="s")
        first = await live.until("s", "state")
        await api.start("one")
        async with api.line("w1", "a"):
            second = await live.until("s", "state")
    assert first[0].id == ""
    assert first[0].data != second[0].data


@pytest.mark.parametrize(
    ("said", "field", "reason"),
    [
        ("{", "message", "MALFORMED_JSON"),
        ("[]", "message", "INVALID_ARGUMENT"),
        ('{"subscribe": "everything", "id": "a"}', "subscribe", "INVALID_ARGUMENT"),
        ('{"subscribe": "run", "id": "a"}', "run_id", "INVALID_ARGUMENT"),
        ('{"subscribe": "run", "id": "a", "run_id": "x"}', "run_id", "INVALID_ARGUMENT"),
        ('{"subscribe": "events", "id": "a", "what": 1}', "what", "INVALID_ARGUMENT"),
        ('{"subscribe": "events", "id": "a", "types": "RUN_*"}', "types", "INVALID_ARGUMENT"),
        ('{"subscribe": "events", "id": "a", "types": [1]}', "type", "INVALID_ARGUMENT"),
        ('{"subscribe": "events", "id": "a", "after": "1-00000000"}', "after", "INVALID_ARGUMENT"),
        ('{"subscribe": "events"}', "id", "INVALID_ARGUMENT"),
        ('{"subscribe": "events", "id": 7}', "id", "INVALID_ARGUMENT"),
        ('{"unsubscribe": 7}', "unsubscribe", "INVALID_ARGUMENT"),
        (json.dumps({"subscribe": "events", "id": "a", "after": "x" * 70_000}), "message", "INVALID_ARGUMENT"),
    ],
)
async def test_what_is_no_message_is_answered(server: Server, said: str, field: str, reason: str) -> None:
    async with socket(server.http_port) as live:
        await live.connection.send(said)
        _, frames = await live.hear()
        found = problem(frames)
        assert (found["reason"], found["errors"][0]["field"]) == (reason, field)
        # The connection goes on.
        await live.say(subscribe="events", id="after that")
        assert [frame.event for frame in await live.until("after that", "ready")] == ["ready"]


async def test_a_run_that_is_not_there_and_too_many_subscriptions(server: Server) -> None:
    async with socket(server.http_port) as live:
        await live.say(subscribe="run", id="gone", run_id="run_0000000000000")
        whose, frames = await live.hear()
        assert (whose, problem(frames)["reason"]) == ("gone", "RUN_NOT_FOUND")
        for number in range(101):
            await live.say(subscribe="overview", id=str(number))
        assert problem((await live.until("100", "error"))[-1:])["reason"] == "TOO_MANY_SUBSCRIPTIONS"
        await live.say(subscribe="overview", id="3")
        assert problem((await live.until("3", "error"))[-1:])["errors"][0]["field"] == "id"


async def test_strangers_pages_and_hosts_are_refused(server: Server) -> None:
    for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}):
        with pytest.raises(InvalidStatus) as refused:
            async with socket(server.http_port, additional_headers=headers):
                pass
        assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus) as refused:
        async with socket(server.http_port, "?what=ever"):
            pass
    assert refused.value.response.status_code == 400


async def test_a_stopping_server_ends_streams_and_closes(start_server: StartServer) -> None:
    server = await start_server()
    async with Api(server.port) as api, socket(server.http_port) as live:
        await api.apply(ONE)
        await live.say(subscribe="events", id="a")
        await live.say(subscribe="overview", id="b")
        await live.until("a", "ready")
        stopping = asyncio.create_task(server.stop())
        end = (await live.until("a", "end"))[-1]
        assert end.data == {"reason": "DRAINING"}
        with pytest.raises(ConnectionClosed):
            await forever(live)
        await stopping


async def forever(live: Socket) -> None:
    """Listen until the connection is closed."""
    while True:
        await live.hear()
