"""What a caller does with runs: waits, watches, ends, retries; and what becomes of dead letters."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from stellwerk.v1 import dead_letter_pb2, run_pb2, worker_pb2
from tests.integration.api import Api, call, duration, payload, refusal

ONE = "name: one\nsteps: [{id: s, action: a}]"
ONCE = "retry: {max_attempts: 1}"


async def test_a_start_that_waits_brings_the_result(api: Api) -> None:
    await api.apply(ONE)
    starting = asyncio.create_task(api.start_response("one", {}, wait=duration(20)))
    await api.complete(await api.take("a"), {"n": 1})
    response = await starting
    assert (response.result.run_id, response.result.output.json) == (response.run_id, '{"n": 1}')


async def test_a_start_that_waits_in_vain_brings_the_run(api: Api) -> None:
    await api.apply(ONE)
    response = await api.start_response("one", {}, wait=duration(0.2))
    assert response.run_id
    assert not response.HasField("result")
    waited = await call(api.runs.WaitRun(run_pb2.WaitRunRequest(run_id=response.run_id, wait=duration(0.1))))
    assert not waited.ended


async def test_a_duplicate_that_waits_brings_the_result_of_the_first(api: Api) -> None:
    await api.apply(ONE)
    first = await api.start("one", 1, idempotency_key="k")
    starting = asyncio.create_task(api.start_response("one", 1, idempotency_key="k", wait=duration(20)))
    await api.complete(await api.take("a"), "once")
    again = await starting
    assert (again.run_id, again.deduplicated, again.result.output.json) == (first, True, '"once"')


async def test_the_same_request_id_is_the_same_run(api: Api) -> None:
    await api.apply(ONE)
    answers = [await api.start_response("one", n, request_id="r1") for n in range(3)]
    assert len({answer.run_id for answer in answers}) == 1
    assert [answer.deduplicated for answer in answers] == [False, True, True]


async def test_ended_runs_are_awaited_at_once_and_unknown_ones_named(api: Api) -> None:
    await api.apply(ONE)
    run_id = await api.start("one")
    await api.complete(await api.take("a"), 1)
    await api.wait(run_id)
    stream = api.runs.AwaitRuns()
    for _ in range(2):
        await stream.write(run_pb2.AwaitRunsRequest(run_ids=[run_id]))
        assert [r.run_id for r in (await stream.read()).results] == [run_id]
    await stream.write(run_pb2.AwaitRunsRequest(run_ids=["run_0000000000001"]))
    assert (await stream.read()).unknown == ["run_0000000000001"]
    await stream.done_writing()
    assert await stream.read() is grpc.aio.EOF


async def test_a_watch_resumes_from_any_sequence_without_loss_or_doubles(api: Api) -> None:
    await api.apply("name: many\nsteps: [{id: f, action: a, foreach: '${input}'}]")
    run_id = await api.start("many", list(range(30)))
    seen: list[int] = []

    async def watch() -> None:
        """Break off after every few events, and go on from there."""
        while True:
            request = run_pb2.WatchRunRequest(run_id=run_id, after_sequence=seen[-1] if seen else 0)
            stream = api.runs.WatchRun(request)
            async for answer in stream:
                seen.extend(event.sequence for event in answer.events)
                if len(seen) % 3 == 0:
                    stream.cancel()
                    break
            else:
                return

    watching = asyncio.create_task(watch())
    for _ in range(30):
        await api.complete(await api.take("a"), 1)
    await asyncio.wait_for(watching, 20)
    history = [event.sequence for event in await api.history(run_id)]
    assert seen == history == list(range(1, len(history) + 1))


async def test_chunks_of_a_retried_step_keep_their_attempts_apart(api: Api) -> None:
    await api.apply("name: again\nsteps: [{id: s, action: a, retry: {initial: 10ms}}]")
    run_id = await api.start("again")
    for attempt in (1, 2):
        task = await api.take("a")
        stream = api.workers.StreamResult()
        for sequence in (1, 2, 2, 3):  # one is sent twice
            chunk = payload(f"{attempt}.{sequence}")
            await stream.write(worker_pb2.StreamResultRequest(token=task.token, sequence=sequence, chunk=chunk))
            assert (await stream.read()).sequence == sequence
        stream.cancel()
        await (api.fail(task) if attempt == 1 else api.complete(task, "end"))
    request = run_pb2.WatchRunRequest(run_id=run_id, include_chunks=True)
    chunks = [chunk async for answer in api.runs.WatchRun(request) for chunk in answer.chunks]
    found = sorted((c.attempt, c.sequence, c.payload.json) for c in chunks)
    assert found == [(a, n, f'"{a}.{n}"') for a in (1, 2) for n in (1, 2, 3)]


async def test_chunks_and_events_larger_than_a_message_come_in_several(api: Api) -> None:
    await api.apply(ONE)
    run_id = await api.start("one", "x" * 1_900_000)
    task = await api.take("a")
    stream = api.workers.StreamResult()
    for sequence in range(1, 15):
        chunk = payload("y" * 1_900_000)
        await stream.write(worker_pb2.StreamResultRequest(token=task.token, sequence=sequence, chunk=chunk))
        assert (await stream.read()).sequence == sequence
    stream.cancel()
    await api.complete(task, "z" * 1_900_000)
    request = run_pb2.WatchRunRequest(run_id=run_id, include_chunks=True)
    answers = [answer async for answer in api.runs.WatchRun(request)]
    assert [chunk.sequence for answer in answers for chunk in answer.chunks] == list(range(1, 15))
    assert [e.sequence for answer in answers for e in answer.events] == [e.sequence for e in await api.history(run_id)]


async def test_a_history_larger_than_a_message_comes_in_pages(api: Api) -> None:
    await api.apply("name: many\nsteps: [{id: f, action: a, foreach: '${input}'}]\noutput: 1")
    run_id = await api.start("many", list(range(12)))
    for _ in range(12):
        await api.complete(await api.take("a"), "x" * 1_900_000)
    await api.wait(run_id)
    events, token = [], ""
    while True:
        request = run_pb2.GetHistoryRequest(run_id=run_id, page_token=token)
        page = await call(api.runs.GetHistory(request))
        events += page.events
        if not (token := page.next_page_token):
            break
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert len([e for e in events if e.type == "STEP_SUCCEEDED" and len(e.payload.json) > 1_900_000]) >= 12


async def test_cancel_and_terminate_end_a_run_once(api: Api) -> None:
    await api.apply(ONE)
    run_id = await api.start("one")
    answer = await call(api.runs.CancelRun(run_pb2.CancelRunRequest(run_id=run_id, reason="enough")))
    assert answer.state == run_pb2.RUN_STATE_CANCELLED
    again = await call(api.runs.CancelRun(run_pb2.CancelRunRequest(run_id=run_id, reason="enough")))
    assert again.state == run_pb2.RUN_STATE_CANCELLED
    error = await refusal(api.runs.TerminateRun(run_pb2.TerminateRunRequest(run_id=run_id)))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "RUN_TERMINAL")
    assert error.metadata["state"] == "CANCELLED"
    assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_CANCELLED
    assert await api.poll("a", wait_s=0.2) == []


async def test_a_retry_forks_from_the_failed_step_or_the_named_one(api: Api) -> None:
    await api.apply(f"name: two\nsteps: [{{id: s, action: a}}, {{id: t, action: b, {ONCE}}}]")
    run_id = await api.start("two", {"n": 1})
    request = run_pb2.RetryRunRequest(run_id=run_id, request_id="r")
    assert (await refusal(api.runs.RetryRun(request))).reason == "RUN_OPEN"
    await api.complete(await api.take("a"), "kept")
    await api.fail(await api.take("b"))
    assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_FAILED

    fork = await call(api.runs.RetryRun(request))
    assert (await call(api.runs.RetryRun(request))).run_id == fork.run_id
    task = await api.take("b")
    assert (task.run_id, task.attempt, task.input.json) == (fork.run_id, 1, '"kept"')
    await api.complete(task, "end")
    assert (await api.wait(fork.run_id)).output.json == '"end"'
    run = await api.get(fork.run_id)
    assert run.forked_from == run_id

    error = await refusal(api.runs.RetryRun(run_pb2.RetryRunRequest(run_id=run_id, from_step="nope")))
    assert "nope" in error.fields["from_step"]
    whole = await call(api.runs.RetryRun(run_pb2.RetryRunRequest(run_id=run_id, from_step="s")))
    assert (await api.take("a")).run_id == whole.run_id


async def letters(api: Api, run_id: str) -> list[dead_letter_pb2.DeadLetter]:
    request = dead_letter_pb2.ListDeadLettersRequest(run_id=run_id, states=[1, 2, 3])
    return list((await call(api.dead_letters.ListDeadLetters(request))).dead_letters)


async def requeue(api: Api, letter: str) -> str:
    request = dead_letter_pb2.RequeueDeadLetterRequest(dead_letter_id=letter)
    return (await call(api.dead_letters.RequeueDeadLetter(request))).run_id


async def discard(api: Api, letter: str) -> None:
    await call(api.dead_letters.DiscardDeadLetter(dead_letter_pb2.DiscardDeadLetterRequest(dead_letter_id=letter)))


async def dead(api: Api, on_failure: str) -> tuple[str, str]:
    """A run whose step is dead, and its letter."""
    await api.apply(f"name: {on_failure}\nsteps: [{{id: s, action: a, on_failure: {on_failure}, {ONCE}}}]")
    run_id = await api.start(on_failure, {"n": 1})
    await api.fail(await api.take("a"))
    (letter,) = await letters(api, run_id)
    assert (letter.state, letter.step, letter.failure.type) == (dead_letter_pb2.DEAD_LETTER_STATE_OPEN, "s", "Boom")
    return run_id, letter.dead_letter_id


async def test_a_parked_run_goes_on_when_its_letter_is_requeued(api: Api) -> None:
    run_id, letter = await dead(api, "park")
    assert (await api.get(run_id)).state == run_pb2.RUN_STATE_BLOCKED
    assert [await requeue(api, letter) for _ in range(3)] == [run_id] * 3
    assert await api.complete(await api.take("a"), "at last") is None
    assert (await api.wait(run_id)).output.json == '"at last"'
    assert await api.poll("a", wait_s=0.2) == []
    assert [x.state for x in await letters(api, run_id)] == [dead_letter_pb2.DEAD_LETTER_STATE_REQUEUED]


async def test_an_ended_run_is_forked_when_its_letter_is_requeued(api: Api) -> None:
    run_id, letter = await dead(api, "fail")
    assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_FAILED
    forks = {await requeue(api, letter) for _ in range(3)}
    forks |= set(await asyncio.gather(*[requeue(api, letter) for _ in range(5)]))
    (fork,) = forks
    assert fork != run_id
    await api.complete(await api.take("a"), 1)
    assert (await api.wait(fork)).state == run_pb2.RUN_STATE_SUCCEEDED
    assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_FAILED
    assert (await letters(api, run_id))[0].requeued_run_id == fork


async def test_requeues_at_the_same_time_are_one(api: Api) -> None:
    for kind in ("park", "fail"):
        _, letter = await dead(api, kind)
        assert len(set(await asyncio.gather(*[requeue(api, letter) for _ in range(10)]))) == 1
        assert await api.complete(await api.take("a"), 1) is None
        assert await api.poll("a", wait_s=0.2) == []


@pytest.mark.parametrize("kind", ["park", "fail"])
async def test_a_discarded_letter_ends_the_matter(api: Api, kind: str) -> None:
    run_id, letter = await dead(api, kind)
    for _ in range(3):
        await discard(api, letter)
    assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_FAILED
    assert [x.state for x in await letters(api, run_id)] == [dead_letter_pb2.DEAD_LETTER_STATE_DISCARDED]
    error = await refusal(requeue(api, letter))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "DEAD_LETTER_DECIDED")


async def test_an_unknown_dead_letter_is_not_found(api: Api) -> None:
    assert (await refusal(requeue(api, "dl_0000000000001"))).reason == "DEAD_LETTER_NOT_FOUND"
    assert "dl_" in (await refusal(discard(api, "nonsense"))).fields["dead_letter_id"]
