"""Every cause that ExplainRun can name, on a real server; acting on it makes the run move."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stellwerk.v1 import dead_letter_pb2, run_pb2
from stellwerk_server.embedded import EmbeddedPostgres
from stellwerk_server.model import ids
from stellwerk_server.store.migrate import migrate
from tests.integration.api import Api, call, eventually, refusal, released
from tests.integration.code_api import CODE, action, begun, cancel_run, child, decide, register, signal, sleep
from tests.integration.conftest import StartServer

MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"


async def explain(api: Api, run_id: str) -> run_pb2.ExplainRunResponse:
    request = run_pb2.ExplainRunRequest(namespace=api.namespace, run_id=run_id)
    return await call(api.runs.ExplainRun(request))


def kind(cause: run_pb2.Cause) -> str:
    return run_pb2.CauseKind.Name(cause.kind).removeprefix("CAUSE_KIND_")


async def kinds(api: Api, run_id: str) -> list[str]:
    return [kind(cause) for cause in (await explain(api, run_id)).causes]


async def only(api: Api, run_id: str) -> run_pb2.Cause:
    """The one cause there is; the summary is its sentence."""
    found = await explain(api, run_id)
    (cause,) = found.causes
    assert found.summary == cause.sentence
    assert found.more_causes == 0
    assert found.run_id == run_id
    assert found.HasField("now")
    return cause


async def until(api: Api, run_id: str, wanted: str) -> run_pb2.Cause:
    """The first cause, once it is of that kind."""

    async def look() -> run_pb2.Cause | None:
        cause = (await explain(api, run_id)).causes[0]
        return cause if kind(cause) == wanted else None

    found = await eventually(look)
    assert found is not None
    return found


def change(database_url: str, statement: str, *parameters: Any) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute(statement.encode(), parameters).rowcount > 0


async def test_a_sleep_says_until_when(api: Api) -> None:
    await api.apply("name: naps\nsteps: [{id: nap, sleep: 1h}]")
    cause = await only(api, await api.start("naps"))
    assert (kind(cause), cause.step, cause.steps) == ("TIMER", "nap", 1)
    assert re.fullmatch(f"step nap sleeps until {MOMENT}", cause.sentence)
    assert abs(cause.due_time.seconds - time.time() - 3600) < 60


async def test_a_signal_that_has_not_come(api: Api) -> None:
    await api.apply("name: asks\ntimeout: 2h\nsteps: [{id: ask, signal: approval, timeout: 1h}]")
    run_id = await api.start("asks")
    cause = await only(api, run_id)
    assert (kind(cause), cause.step, cause.signal) == ("SIGNAL", "ask", "approval")
    assert cause.timeout_time.seconds - cause.since_time.seconds == 3600
    assert (await api.step(run_id, "ask")).waiting_for in cause.sentence
    assert (await explain(api, run_id)).deadline.seconds > cause.timeout_time.seconds


async def test_nobody_serves_the_action(api: Api) -> None:
    await api.apply("name: plain\nsteps: [{id: one, action: billing.charge, retry: {max_attempts: 3}}]")
    run_id = await api.start("plain")
    cause = await only(api, run_id)
    assert (kind(cause), cause.action, cause.queue) == ("NO_WORKER", "billing.charge", "default")
    assert (cause.attempt, cause.max_attempts) == (1, 3)
    assert not cause.HasField("last_seen_time")
    said = "no worker serves action 'billing.charge' on queue 'default' (never seen one)"
    assert cause.sentence == f"step one waits: {said}"
    assert (await api.step(run_id, "one")).waiting_for == said

    async with api.line("near", "billing.charged", slots=1), api.line("far", "billing.charge", queue="fast", slots=1):
        cause = await eventually(lambda: with_queues(api, run_id))
        assert (list(cause.other_queues), list(cause.similar)) == (["fast"], ["billing.charged"])
        assert cause.sentence.endswith("; it is served on queue 'fast'")
        assert (await api.step(run_id, "one")).waiting_for in cause.sentence


async def with_queues(api: Api, run_id: str) -> Any:
    cause = await only(api, run_id)
    return cause if cause.other_queues and cause.similar else None


async def test_a_worker_that_was_killed_has_been_seen(api: Api) -> None:
    await api.apply("name: plain\nsteps: [{id: one, action: a}]")
    async with api.line("w1", "a", slots=1):
        run_id = await api.start("plain")
        cause = await until(api, run_id, "QUEUED")
        assert (cause.workers, cause.slots, cause.busy_slots) == (1, 1, 0)
    cause = await until(api, run_id, "NO_WORKER")
    assert cause.last_seen_time.seconds > time.time() - 60
    assert re.search(r"\(last seen \d+ s ago\)", cause.sentence)
    assert (await api.step(run_id, "one")).waiting_for.startswith(
        "no worker serves action 'a' on queue 'default' (last"
    )


async def test_workers_that_are_there_but_busy(api: Api) -> None:
    await api.apply("name: plain\nsteps: [{id: one, action: a}]")
    async with api.line("w1", "a", slots=1) as line:
        first = await api.start("plain")
        task = await api.take("a")
        async with line.beating(task.token):
            before, run_id = await api.start("plain"), await api.start("plain")
            cause = await until(api, run_id, "WORKERS_BUSY")
            assert (cause.workers, cause.slots, cause.busy_slots, cause.ahead) == (1, 1, 1, 1)
            assert cause.sentence == (
                "step one waits for a free slot, after 1 other task:"
                " 1 worker serves action 'a' on queue 'default' and has 1 of 1 slots taken"
            )
            assert kind(await only(api, first)) == "LEASED"
            await api.complete(task)
            assert kind(await only(api, first)) == "ENDED"
            assert kind(await only(api, before)) == "QUEUED"


async def test_a_poll_that_waits_is_somebody_who_serves_it(api: Api) -> None:
    """The one moment at which nobody knows the worker yet but the server it asks."""
    await api.apply("name: plain\nsteps: [{id: one, action: other}, {id: two, action: a}]")
    run_id = await api.start("plain")
    assert kind(await only(api, run_id)) == "NO_WORKER"
    waiting = asyncio.create_task(api.poll("a", worker="quick", wait_s=20))
    await api.complete(await api.take("other"))
    (task,) = await waiting
    assert task.run_id == run_id
    assert (await only(api, run_id)).worker_id == "quick"


async def test_who_has_it_and_since_when(api: Api) -> None:
    await api.apply("name: plain\nsteps: [{id: one, action: a, timeout: {attempt: 1m}, retry: {max_attempts: 5}}]")
    run_id = await api.start("plain")
    task = await api.take("a")
    cause = await only(api, run_id)
    assert (kind(cause), cause.worker_id, cause.action, cause.attempt) == ("LEASED", "w1", "a", 1)
    assert cause.timeout_time.seconds - cause.since_time.seconds == 60
    assert re.fullmatch(f"step one is at work: worker w1 has it since {MOMENT} \\(attempt 1 of 5\\)", cause.sentence)
    await api.finish(released(task))
    assert kind(await only(api, run_id)) != "LEASED"


async def test_backing_off(api: Api) -> None:
    await api.apply(
        "name: plain\nsteps: [{id: one, action: a, retry: {max_attempts: 5, initial: 1h, max: 1h, jitter: 0}}]"
    )
    run_id = await api.start("plain")
    await api.fail(await api.take("a"), "Busy")
    cause = await only(api, run_id)
    assert (kind(cause), cause.attempt, cause.max_attempts, cause.failure.type) == ("BACKING_OFF", 2, 5, "Busy")
    assert re.fullmatch(f"step one backs off: attempt 2 of 5 follows at {MOMENT}, after Busy: no", cause.sentence)
    assert abs(cause.due_time.seconds - time.time() - 3600) < 60


async def test_a_step_in_the_dead_letters_holds_its_run(api: Api) -> None:
    await api.apply(
        "name: parks\nsteps:\n"
        "  - {id: one, action: a, retry: {max_attempts: 1}, on_failure: park}\n"
        "  - {id: two, action: b, needs: [], retry: {max_attempts: 1}, on_failure: continue}\n"
        "  - {id: nap, sleep: 1h, needs: []}"
    )
    run_id = await api.start("parks")
    await api.fail(await api.take("a"))
    await api.fail(await api.take("b"))
    found = await explain(api, run_id)
    assert found.state == run_pb2.RUN_STATE_BLOCKED
    assert [kind(cause) for cause in found.causes] == ["DEAD_LETTER", "TIMER"]
    assert found.summary == f"{found.causes[0].sentence} (and 1 other cause)"
    cause = found.causes[0]
    assert (cause.step, cause.reason, cause.failure.type) == ("one", "ATTEMPTS_EXHAUSTED", "Boom")
    request = dead_letter_pb2.RequeueDeadLetterRequest(dead_letter_id=cause.dead_letter_id)
    await call(api.dead_letters.RequeueDeadLetter(request))
    assert await kinds(api, run_id) == ["NO_WORKER", "TIMER"]
    await api.fail(await api.take("a"))
    cause = (await explain(api, run_id)).causes[0]
    assert (cause.attempt, cause.max_attempts) == (2, 2)


async def test_a_child_run_says_what_it_waits_for(api: Api) -> None:
    await api.apply("name: inner\nsteps: [{id: one, action: a, retry: {max_attempts: 1}, on_failure: park}]")
    await api.apply("name: outer\nsteps: [{id: sub, workflow: inner}]")
    await api.apply("name: top\nsteps: [{id: all, workflow: outer}]")
    run_id = await api.start("top")
    cause = await only(api, run_id)
    assert (kind(cause), cause.child_state) == ("CHILD_RUN", run_pb2.RUN_STATE_RUNNING)
    (step,) = (await api.get(run_id)).steps
    assert cause.child_run_id == step.child_run_id
    assert step.waiting_for in cause.sentence
    inner = await only(api, cause.child_run_id)
    assert cause.child_summary.startswith(inner.sentence.split(", it is")[0])
    assert inner.child_summary.startswith("step one waits: no worker serves action 'a'")
    await api.fail(await api.take("a"))
    cause = await only(api, cause.child_run_id)
    assert cause.child_state == run_pb2.RUN_STATE_BLOCKED
    assert "step one is in the dead letters (ATTEMPTS_EXHAUSTED)" in cause.sentence


async def test_of_many_items_alike_ones_are_one_cause(api: Api) -> None:
    await api.apply(
        "name: many\nsteps: [{id: f, action: m, foreach: '${input}', retry: {max_attempts: 2, initial: 1h, max: 1h}}]"
    )
    run_id = await api.start("many", list(range(3_000)))
    cause = await only(api, run_id)
    assert (kind(cause), cause.steps, cause.step) == ("NO_WORKER", 3_000, "f[0]")
    assert cause.sentence.startswith("3,000 items of step f wait: no worker serves action 'm'")
    tasks = await api.poll("m", max_tasks=100)
    for task in tasks[:40]:
        await api.fail(task)
    found = await explain(api, run_id)
    assert [(kind(cause), cause.steps) for cause in found.causes] == [
        ("NO_WORKER", 3_000 - len(tasks)),
        ("BACKING_OFF", 40),
        ("LEASED", len(tasks) - 40),
    ]


async def test_a_run_of_ten_thousand_items_is_explained_at_once(api: Api) -> None:
    await api.apply("name: many\nsteps: [{id: f, action: m, foreach: '${input}'}]")
    run_id = await api.start("many", list(range(10_000)))
    await only(api, run_id)
    took_s = []
    for _ in range(5):
        began_s = time.perf_counter()
        assert (await only(api, run_id)).steps == 10_000
        took_s.append(time.perf_counter() - began_s)
    assert min(took_s) < 3


async def test_more_causes_than_fit_are_counted(api: Api) -> None:
    steps = ", ".join(f"{{id: s{n}, sleep: {n + 1}h, needs: []}}" for n in range(33))
    await api.apply(f"name: many\nsteps: [{steps}]")
    found = await explain(api, await api.start("many"))
    assert ([cause.step for cause in found.causes], found.more_causes) == ([f"s{n}" for n in range(20)], 13)
    assert found.summary.endswith("(and 32 other causes)")


async def test_code_that_waits_to_be_asked(api: Api) -> None:
    await register(api, "signup")
    run_id = await api.start("signup")
    cause = await until(api, run_id, "NO_WORKER")
    assert (cause.step, cause.action) == ("", CODE)
    assert cause.sentence.startswith("its code waits: no worker serves workflow 'signup' on queue 'default' (last seen")
    run = await api.get(run_id)
    assert re.sub(r"\d+ s", "", run.waiting_for) in re.sub(r"\d+ s", "", cause.sentence)
    await api.take(CODE)
    cause = await only(api, run_id)
    assert (kind(cause), cause.worker_id, cause.attempt) == ("LEASED", "w1", 1)
    assert cause.sentence.startswith("its code is being asked: worker w1 has it since")


async def test_a_decision_that_failed_is_asked_for_again(api: Api) -> None:
    run_id, task = await begun(api)
    await api.fail(task, "Boom", category=1)
    for attempt in range(2, 6):
        cause = (await explain(api, run_id)).causes[0]
        if kind(cause) == "BACKING_OFF":
            assert (cause.attempt, cause.max_attempts, cause.failure.type) == (attempt, 6, "Boom")
            assert f"attempt {attempt} of 6, after Boom: no" in cause.sentence
        task = await api.take(CODE)
        await api.fail(task)
    await api.fail(await api.take(CODE))
    cause = await only(api, run_id)
    assert (kind(cause), cause.reason) == ("PARKED", "DECISION_FAILED: Boom: no")


async def test_a_run_parked_for_its_code_names_the_build(api: Api) -> None:
    async with api.line("w1", "x", workflows=["signup"], build="b1"):
        run_id = await api.start("signup")
        task = await api.take(CODE)
        await api.fail(task, "NonDeterminism")
        cause = await only(api, run_id)
        assert (kind(cause), cause.build, cause.reason) == ("PARKED", "b1", "NON_DETERMINISM: no")
        assert cause.sentence == (
            "it is parked (build 'b1'): NON_DETERMINISM: no; start a worker of another build, or resume it"
        )
    await register(api, worker="w2", build="b2")
    assert await kinds(api, run_id) != ["PARKED"]


async def test_a_decision_stays_with_its_build(api: Api) -> None:
    hello: dict[str, Any] = {"workflows": ["signup"], "pin_runs": True, "build": "b1"}
    async with api.line("w1", "x", **hello):
        run_id = await api.start("signup")
        (task,) = await api.poll(CODE, pinned_build="b1")
        await decide(api, task, signal("go"), build="b1", pin_run=True)
        assert await kinds(api, run_id) == ["SIGNAL"]
        request = run_pb2.SignalRunRequest(run_id=run_id, signal=run_pb2.Signal(name="go"))
        await call(api.runs.SignalRun(request))
        cause = await until(api, run_id, "QUEUED")
        assert cause.action == f"{CODE}@b1"
        assert "workflow 'signup' in build 'b1'" in cause.sentence
    assert (await until(api, run_id, "NO_WORKER")).action.startswith(CODE)


async def test_what_code_has_asked_for_is_explained_like_any_step(api: Api) -> None:
    await api.apply("name: other\nsteps: [{id: one, signal: stop}]")
    run_id, task = await begun(api)
    many = [action(f"a#{n}", "nobody") for n in range(12)]
    await decide(api, task, *many, signal("go"), sleep("nap", 3600), child("other"))
    found = await explain(api, run_id)
    assert [(kind(cause), cause.steps) for cause in found.causes] == [
        ("NO_WORKER", 12),
        ("SIGNAL", 1),
        ("CHILD_RUN", 1),
        ("TIMER", 1),
    ]
    assert found.causes[0].sentence.startswith("12 steps such as a#0 wait: no worker serves action 'nobody'")
    assert await cancel_run(api, run_id) == "RUNNING"
    found = await explain(api, run_id)
    assert kind(found.causes[-1]) == "CANCELLING"
    assert found.causes[-1].reason == "why not"


async def test_how_a_run_has_ended(api: Api) -> None:
    await api.apply("name: plain\nsteps: [{id: one, action: a, retry: {max_attempts: 1}}]")
    runs = [await api.start("plain") for _ in range(3)]
    await api.complete(await api.take("a"))
    await api.fail(await api.take("a"))
    await cancel_run(api, runs[2])
    causes = [await only(api, run_id) for run_id in runs]
    assert [kind(cause) for cause in causes] == ["ENDED"] * 3
    said = [re.sub(MOMENT, "T", cause.sentence) for cause in causes]
    assert said == [
        "it has ended as SUCCEEDED at T",
        "it has ended as FAILED at T: Boom: no (step one, attempt 1)",
        "it has ended as CANCELLED at T (why not)",
    ]
    assert (causes[1].failure.type, causes[2].reason) == ("Boom", "why not")


LOST = {
    "a task": ("steps: [{id: one, action: a}]", "delete from ready where run_id = %s", "READY, but it is in no queue"),
    "a sleep": ("steps: [{id: one, sleep: 1h}]", "delete from timers where run_id = %s", "has no timer"),
    "a child": ("steps: [{id: one, workflow: other}]", "delete from children where parent_run_id = %s", "is gone"),
    "one of two": (
        "steps: [{id: one, action: a}, {id: two, sleep: 1h, needs: []}]",
        "delete from ready where run_id = %s",
        "step one is READY",
    ),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
async def test_a_run_that_nothing_will_move_says_so(api: Api, database_url: str, lost: tuple[str, str, str]) -> None:
    definition, statement, said = lost
    await api.apply("name: other\nsteps: [{id: one, signal: go}]")
    await api.apply(f"name: plain\n{definition}")
    run_id = await api.start("plain", [1])
    change(database_url, statement, ids.parse(run_id))
    cause = (await explain(api, run_id)).causes[0]
    assert (kind(cause), cause.step) == ("STALLED", "one")
    assert said in cause.reason
    assert cause.sentence == f"nothing will move it: {cause.reason}"


async def test_a_lost_decision_is_stalled(api: Api, database_url: str) -> None:
    await register(api)
    run_id = await api.start("signup")
    change(database_url, "delete from ready where run_id = %s", ids.parse(run_id))
    cause = await only(api, run_id)
    assert (kind(cause), cause.step) == ("STALLED", "")
    assert "nobody is asked what comes next" in cause.reason


async def test_bad_input_and_unknown_runs_are_refused_as_by_get_run(api: Api, server: Any) -> None:
    await api.apply("name: naps\nsteps: [{id: nap, sleep: 1h}]")
    run_id = await api.start("naps")
    for namespace, text in (("", "run_x"), ("", ids.show(7)), ("other", run_id), ("Bad Namespace!", run_id)):
        explained = run_pb2.ExplainRunRequest(namespace=namespace, run_id=text)
        got = run_pb2.GetRunRequest(namespace=namespace, run_id=text)
        refused = await refusal(api.runs.ExplainRun(explained))
        assert refused == await refusal(api.runs.GetRun(got))
        assert refused.code in ("INVALID_ARGUMENT", "NOT_FOUND")


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A migrated Postgres that the test may stop."""
    postgres = EmbeddedPostgres.start(tmp_path)
    migrate(postgres.dsn)
    yield postgres
    postgres.stop()


async def test_a_server_without_a_database_says_that(start_server: StartServer, own_postgres: EmbeddedPostgres) -> None:
    server = await start_server(database_url=own_postgres.dsn, redis_url=None)
    async with Api(server.port) as api:
        await api.apply("name: naps\nsteps: [{id: nap, sleep: 1h}]")
        run_id = await api.start("naps")
        assert kind(await only(api, run_id)) == "TIMER"
        own_postgres.stop()
        for text, state in ((run_id, "RUNNING"), (ids.show(7), "UNSPECIFIED")):
            cause = await only(api, text)
            assert kind(cause) == "DATABASE_DOWN"
            assert cause.sentence.startswith("this server has no database (")
            assert run_pb2.RunState.Name((await explain(api, text)).state)[10:] == state
        assert (await refusal(explain(api, "run_x"))).code == "INVALID_ARGUMENT"
