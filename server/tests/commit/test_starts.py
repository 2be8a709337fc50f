"""Exactly one run a key and a request, however the duplicates meet."""

from __future__ import annotations

import asyncio

import pytest

from stellwerk_server.commit.outcome import Outcome, Started
from stellwerk_server.model.commands import StartRun, Workflow
from stellwerk_server.model.errors import Refused
from tests.support.instance import Instance

REQUEST = bytes(range(16))


def starts(instance: Instance, workflow: Workflow, count: int, kind: str) -> list[StartRun]:
    fields = {
        "key": {"idempotency_key": "k", "digest": b"d"},
        "request": {"request_id": REQUEST},
        "both": {"idempotency_key": "k", "digest": b"d", "request_id": REQUEST},
    }
    return [instance.start_run(workflow, **fields[kind]) for _ in range(count)]


async def assert_one_run(instance: Instance, outcomes: list[Outcome]) -> None:
    assert all(isinstance(outcome, Started) for outcome in outcomes), outcomes
    runs = {outcome.run_id for outcome in outcomes if isinstance(outcome, Started)}
    assert await instance.fetch("select id from runs") == [(run,) for run in runs]
    fresh = [outcome for outcome in outcomes if isinstance(outcome, Started) and not outcome.deduplicated]
    assert len(fresh) == 1
    assert await instance.fetch("select count(*) from ready") == [(1,)]


@pytest.mark.parametrize("kind", ["key", "request", "both"])
async def test_duplicates_in_one_call_are_one_run(one: Instance, two: Workflow, kind: str) -> None:
    await assert_one_run(one, await one.submit(*starts(one, two, 9, kind)))


@pytest.mark.parametrize("kind", ["key", "request", "both"])
async def test_duplicates_one_after_the_other_are_one_run(one: Instance, two: Workflow, kind: str) -> None:
    await assert_one_run(one, [await one.committer.submit(command) for command in starts(one, two, 4, kind)])


@pytest.mark.parametrize("kind", ["key", "request", "both"])
async def test_duplicates_in_two_instances_at_once_are_one_run(
    one: Instance, other: Instance, two: Workflow, kind: str
) -> None:
    commands = starts(one, two, 6, kind) + starts(other, two, 6, kind)
    calls = [(one, other)[n % 2].committer.submit(command) for n, command in enumerate(commands)]
    await assert_one_run(one, list(await asyncio.gather(*calls)))


async def test_another_input_under_the_same_key_is_refused(one: Instance, other: Instance, two: Workflow) -> None:
    await one.begin(two, idempotency_key="k", digest=b"1")
    for instance in (one, other):
        again = [instance.start_run(two, idempotency_key="k", digest=b"2") for _ in range(3)]
        outcomes = await instance.submit(*again)
        assert [getattr(outcome, "reason", "") for outcome in outcomes] == ["IDEMPOTENCY_KEY_REUSED"] * 3
    assert await one.fetch("select count(*) from runs") == [(1,)]


async def test_a_refused_start_sent_twice_is_refused_twice(one: Instance, two: Workflow) -> None:
    await one.begin(two, idempotency_key="k", digest=b"1")
    again = [one.start_run(two, idempotency_key="k", digest=b"2", request_id=REQUEST) for _ in range(8)]
    assert [type(outcome) for outcome in await one.submit(*again)] == [Refused] * 8


async def test_a_deduplicated_start_sent_twice_names_the_run_that_is_there(one: Instance, two: Workflow) -> None:
    run = await one.begin(two, idempotency_key="k", digest=b"1")
    again = [one.start_run(two, idempotency_key="k", digest=b"1", request_id=REQUEST) for _ in range(8)]
    outcomes = await one.submit(*again)
    assert {outcome.run_id for outcome in outcomes if isinstance(outcome, Started)} == {run}


async def test_an_expired_key_may_be_used_again(one: Instance, two: Workflow) -> None:
    first = await one.begin(two, idempotency_key="k", digest=b"1")
    await one.fetch("update idempotency_keys set expires_at = clock_timestamp() returning 1")
    second = await one.begin(two, idempotency_key="k", digest=b"2")
    assert first != second
    assert await one.fetch("select run_id from idempotency_keys") == [(second,)]


async def test_a_key_never_names_a_run_that_is_not_there(one: Instance, two: Workflow) -> None:
    fields = {"idempotency_key": "k", "digest": b"1"}
    run = await one.begin(two, request_id=REQUEST, **fields)
    await one.fetch("update idempotency_keys set expires_at = clock_timestamp() returning 1")
    again = await one.committer.submit(one.start_run(two, request_id=REQUEST, **fields))
    assert isinstance(again, Started)
    assert (again.run_id, again.deduplicated) == (run, True)
    third = await one.committer.submit(one.start_run(two, **fields))
    assert isinstance(third, Started)
    assert await one.fetch("select count(*) from runs where id = %s", third.run_id) == [(1,)]


async def test_the_same_request_of_two_namespaces_is_two_runs(one: Instance, two: Workflow) -> None:
    mine = await one.register("name: two\nsteps: [{id: a, action: x}]", namespace="other")
    runs = {await one.begin(workflow, request_id=REQUEST) for workflow in (two, mine, two, mine)}
    assert len(runs) == 2
