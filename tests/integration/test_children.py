"""Child runs over the wire: started with their parent's step, told of each other's end, whatever dies between."""

from __future__ import annotations

import pytest

from stellwerk.v1 import run_pb2
from tests.integration.api import Api, call

CHILD = "name: child\nsteps: [{id: work, action: act, retry: {max_attempts: 1}}]"
PARENT = "name: parent\nsteps: [{id: a, workflow: child, %s}, {id: b, action: after}]"


async def child_of(api: Api, run_id: str, step: str = "a") -> str:
    return (await api.step(run_id, step)).child_run_id


async def test_a_child_gives_its_output_to_the_step(api: Api) -> None:
    await api.apply(CHILD)
    await api.apply(PARENT % "input: {n: '${input.n}'}")
    run_id = await api.start("parent", {"n": 5, "more": 1})
    task = await api.take("act")
    assert (task.workflow, task.input.json) == ("child", '{"n":5}')
    child = await api.get(task.run_id)
    assert (child.parent_run_id, child.parent_step) == (run_id, "a")
    waiting = await api.step(run_id, "a")
    assert waiting.waiting_for == f"its run {task.run_id} has not ended"
    await api.complete(task, {"ok": True})
    after = await api.take("after")
    assert after.input.json == '{"ok": true}'
    await api.complete(after, None)
    await api.wait(run_id)
    events = [event.type for event in await api.history(run_id)]
    assert events[1:4] == ["STEP_SCHEDULED", "STEP_CHILD_STARTED", "STEP_SUCCEEDED"]


async def test_children_of_a_list_are_a_run_each(api: Api) -> None:
    await api.apply(CHILD)
    await api.apply("name: many\nsteps: [{id: a, workflow: child, foreach: '${input}'}]")
    run_id = await api.start("many", list(range(20)))
    for _ in range(20):
        task = await api.take("act")
        await api.complete(task, int(task.input.json) * 2)
    result = await api.wait(run_id)
    assert result.output.json == str([n * 2 for n in range(20)]).replace(" ", "")


async def test_a_failed_child_fails_its_parent_with_the_cause(api: Api) -> None:
    await api.apply(CHILD)
    await api.apply(PARENT % "on_failure: fail")
    run_id = await api.start("parent")
    task = await api.take("act")
    await api.fail(task)
    result = await api.wait(run_id)
    assert (result.failure.type, result.failure.cause.type) == ("RunFailed", "Boom")
    assert result.failure.message == f"child {task.run_id} ended as FAILED: Boom: no"


@pytest.mark.parametrize(
    ("policy", "state"),
    [("cancel", "RUN_STATE_CANCELLED"), ("terminate", "RUN_STATE_TERMINATED"), ("abandon", "RUN_STATE_SUCCEEDED")],
)
async def test_the_end_of_the_parent_reaches_the_child(api: Api, policy: str, state: str) -> None:
    await api.apply(CHILD)
    await api.apply(PARENT % f"parent_close: {policy}")
    run_id = await api.start("parent")
    task = await api.take("act")
    await call(api.runs.CancelRun(run_pb2.CancelRunRequest(namespace=api.namespace, run_id=run_id)))
    if policy == "abandon":
        await api.complete(task, 1)
    result = await api.wait(task.run_id)
    assert run_pb2.RunState.Name(result.state) == state


async def test_a_workflow_that_starts_itself_ends(api: Api) -> None:
    await api.apply("name: loop\nsteps: [{id: a, workflow: loop}]")
    result = await api.wait(await api.start("loop"))
    failure = result.failure
    while failure.HasField("cause"):
        failure = failure.cause
    assert failure.type == "TOO_DEEP"
    assert "does 'loop' start itself?" in failure.message


@pytest.mark.parametrize(
    ("definition", "type"),
    [
        ("name: p\nsteps: [{id: a, workflow: nobody}]", "WORKFLOW_NOT_FOUND"),
        ("name: p\nsteps: [{id: a, workflow: strict}]", "INPUT_MISMATCH"),
    ],
)
async def test_a_child_that_cannot_start_says_why(api: Api, definition: str, type: str) -> None:
    await api.apply("name: strict\ninput_schema: {type: object, required: [x]}\nsteps: [{id: a, action: act}]")
    await api.apply(definition)
    result = await api.wait(await api.start("p", {}))
    assert (result.failure.type, result.failure.step) == (type, "a")


async def test_a_child_that_ends_at_once_is_heard(api: Api) -> None:
    await api.apply("name: nap\nsteps: [{id: s, sleep: 0s}]")
    await api.apply("name: p\nsteps: [{id: a, workflow: nap}, {id: b, workflow: nap}]")
    result = await api.wait(await api.start("p", {"x": 1}))
    assert result.output.json == '{"x": 1}'
