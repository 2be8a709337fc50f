"""One step many times: items, their order, their failures and their bounds."""

from __future__ import annotations

import pytest

from server.tests.engine.world import World, value_of
from stellwerk_server.engine import transition
from stellwerk_server.engine.decide import decide
from stellwerk_server.model import commands as c
from stellwerk_server.model.errors import Refused
from stellwerk_server.model.events import EventType, TimerKind
from stellwerk_server.model.failure import Category
from stellwerk_server.model.payload import from_value
from stellwerk_server.model.states import RunState

EACH = "steps: [{id: f, action: x, foreach: '${input.items}', %s}, {id: z, action: x}]"


def each(items: object, fields: str = "priority: 0") -> World:
    return World(EACH % fields, {"items": items})


def test_no_items_succeed_with_an_empty_list() -> None:
    world = each([])
    assert world.states() == "f:SUCCEEDED z:READY"
    assert value_of(world.step("z").input) == []


@pytest.mark.parametrize("count", [1, 2, 100])
def test_outputs_stand_in_the_order_of_items_whoever_is_first(count: int) -> None:
    world = each([{"n": n} for n in range(count)])
    assert world.state("f") == "WAITING"
    assert [value_of(world.step(f"f[{n}]").input) for n in range(count)] == [{"n": n} for n in range(count)]
    for n in reversed(range(count)):
        assert world.state("z") == "PENDING"
        world.complete(f"f[{n}]", n * 10)
    assert value_of(world.step("f").output) == [n * 10 for n in range(count)]
    assert value_of(world.step("z").input) == [n * 10 for n in range(count)]


def test_an_item_template_sees_item_index_and_input() -> None:
    world = World(
        """
        steps:
          - {id: f, action: x, foreach: "${input.items}", input: {i: "${index}", v: "${item.n}", k: "${input.k}"}}
        """,
        {"items": [{"n": 7}, {"n": 8}], "k": "k"},
    )
    assert [value_of(world.step(f"f[{n}]").input) for n in (0, 1)] == [
        {"i": 0, "v": 7, "k": "k"},
        {"i": 1, "v": 8, "k": "k"},
    ]


def test_a_dead_item_fails_the_run() -> None:
    world = each([1, 2, 3])
    world.complete("f[0]", 1)
    world.kill("f[1]")
    assert world.states() == "f:CANCELLED f[0]:SUCCEEDED f[1]:DEAD f[2]:CANCELLED z:PENDING"
    assert world.run.state is RunState.FAILED
    assert world.run.failure is not None
    assert world.run.failure.step == "f[1]"


@pytest.mark.parametrize("dead_first", [True, False])
def test_under_continue_a_dead_item_leaves_null(dead_first: bool) -> None:
    world = each([1, 2], "on_failure: continue")
    for key in ("f[1]", "f[0]") if dead_first else ("f[0]", "f[1]"):
        world.kill(key) if key == "f[1]" else world.complete(key, "ok")
    assert value_of(world.step("f").output) == ["ok", None]
    assert world.state("z") == "READY"


def test_under_park_a_dead_item_blocks_until_it_is_requeued() -> None:
    world = each([1, 2], "on_failure: park")
    world.kill("f[1]")
    assert world.run.state is RunState.BLOCKED
    world.complete("f[0]", "ok")
    assert world.states() == "f:WAITING f[0]:SUCCEEDED f[1]:DEAD z:PENDING"
    world.requeue("f[1]")
    assert world.run.state is RunState.RUNNING
    world.complete("f[1]", "late")
    assert value_of(world.step("f").output) == ["ok", "late"]


def test_items_retry_one_by_one() -> None:
    world = each([1, 2], "retry: {max_attempts: 2, jitter: 0}")
    world.fail("f[0]")
    assert world.states() == "f:WAITING f[0]:WAITING f[1]:READY z:PENDING"
    world.fire(TimerKind.RETRY, "f[0]")
    assert (world.state("f[0]"), world.step("f[0]").attempt, value_of(world.step("f[0]").input)) == ("READY", 2, 1)


@pytest.mark.parametrize("items", [{"a": 1}, "text", None, 3])
def test_anything_but_a_list_fails(items: object) -> None:
    world = each(items)
    assert world.states() == "f:FAILED z:PENDING"
    assert world.run.failure is not None
    assert "expected a list" in world.run.failure.message


def test_too_many_items_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transition, "MAX_ITEMS", 3)
    assert each([1, 2, 3]).run.state is RunState.RUNNING
    world = each([1, 2, 3, 4])
    assert world.run.failure is not None
    assert "expected at most 3 items, came 4" in world.run.failure.message


def test_a_list_of_too_many_bytes_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transition, "MAX_DERIVED_BYTES", 100)
    world = each(["x" * 60, "x" * 60])
    assert world.run.failure is not None
    assert "at most 100 bytes" in world.run.failure.message


def test_outputs_of_too_many_bytes_together_fail_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    world = each([1, 2])
    monkeypatch.setattr(transition, "MAX_DERIVED_BYTES", 100)
    world.complete("f[0]", "x" * 60)
    world.complete("f[1]", "x" * 60)
    assert world.state("f") == "FAILED"
    assert world.run.failure is not None
    assert (world.run.failure.type, world.run.failure.category) == ("PayloadTooLarge", Category.LIMIT)


def test_the_parent_of_items_has_no_lease_and_cannot_be_completed() -> None:
    world = each([1])
    with pytest.raises(Refused):
        world.complete("f", [])
    with pytest.raises(Refused):
        world.complete("f", [], attempt=1)


def test_ten_thousand_items_cost_the_same_each() -> None:
    world = each(list(range(10_000)))
    assert world.count(EventType.STEP_EXPANDED) == 1
    for n in range(10_000):
        command = c.CompleteStep(7, f"f[{n}]", 1, b"t", from_value(n))
        # Without the world's checks, which look at the whole history each time.
        events = decide(world.run, command, c.Lease("w", world.now), world.now)
        assert len(events) == (1 if n < 9_999 else 3)
    assert world.state("z") == "READY"
