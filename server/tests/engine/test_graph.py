"""How steps follow each other: sequences, fan-in and fan-out, conditions, inputs and the run's output."""

from __future__ import annotations

import pytest

from server.tests.engine.world import World, value_of
from stellwerk_server.model.events import EventType
from stellwerk_server.model.failure import Category
from stellwerk_server.model.states import RunState

SEQUENCE = "steps: [{id: a, action: x}, {id: b, action: x}, {id: c, action: x}]"
DIAMOND = """
steps:
  - {id: a, action: x}
  - {id: b, action: x, needs: [a]}
  - {id: c, action: x, needs: [a]}
  - {id: d, action: x, needs: [b, c]}
"""


def test_a_sequence_hands_each_output_to_the_next() -> None:
    world = World(SEQUENCE, {"n": 1})
    assert world.states() == "a:READY b:PENDING c:PENDING"
    assert value_of(world.step("a").input) == {"n": 1}
    world.complete("a", {"n": 2})
    assert world.states() == "a:SUCCEEDED b:READY c:PENDING"
    assert value_of(world.step("b").input) == {"n": 2}
    world.complete("b", {"n": 3})
    world.complete("c", [4])
    assert world.run.state is RunState.SUCCEEDED
    assert world.output() == [4]
    assert [event.type.name for event in world.events] == [
        "RUN_STARTED", "STEP_SCHEDULED", "STEP_SUCCEEDED", "STEP_SCHEDULED", "STEP_SUCCEEDED", "STEP_SCHEDULED",
        "STEP_SUCCEEDED", "RUN_SUCCEEDED",
    ]  # fmt: skip


def test_a_fan_in_waits_for_all_and_sees_outputs_by_id() -> None:
    world = World(DIAMOND, 0)
    world.complete("a", "from a")
    assert [value_of(world.step(key).input) for key in "bc"] == ["from a", "from a"]
    world.complete("c", "from c")
    assert world.state("d") == "PENDING"
    world.complete("b", "from b")
    assert world.state("d") == "READY"
    assert value_of(world.step("d").input) == {"b": "from b", "c": "from c"}


def test_the_default_output_is_that_of_all_last_steps() -> None:
    world = World("steps: [{id: a, action: x, needs: []}, {id: b, action: x, needs: []}]")
    world.complete("b", 2)
    world.complete("a", 1)
    assert world.output() == {"a": 1, "b": 2}


def test_a_wide_fan_out_starts_at_once() -> None:
    steps = ["{id: root, action: x, needs: []}"] + [f"{{id: s{i}, action: x, needs: [root]}}" for i in range(500)]
    world = World(f"steps: [{', '.join(steps)}]")
    scheduled = [e.step for e in world.complete("root", 1) if e.type is EventType.STEP_SCHEDULED]
    assert scheduled == [f"s{i}" for i in range(500)]


@pytest.mark.parametrize(
    ("when", "value", "state"),
    [("input.n > 0", {"n": 1}, "READY"), ("input.n > 0", {"n": 0}, "SKIPPED"), ("input.yes", {"yes": True}, "READY")],
)
def test_a_condition_decides_whether_a_step_runs(when: str, value: object, state: str) -> None:
    assert World(f"steps: [{{id: a, action: x, when: '{when}'}}]", value).state("a") == state


@pytest.mark.parametrize("template", ["when: input.missing > 0", "input: {x: '${input.missing.deep}'}"])
def test_a_template_that_cannot_be_evaluated_fails_step_and_run(template: str) -> None:
    world = World(f"steps: [{{id: a, action: x, {template}}}]", {})
    assert world.states() == "a:FAILED"
    assert world.run.state is RunState.FAILED
    assert world.run.failure is not None
    assert (world.run.failure.step, world.run.failure.category) == ("a", Category.DEFINITION)


def test_a_template_failure_under_continue_is_passed_by() -> None:
    world = World(
        """
        steps:
          - {id: a, action: x, needs: [], on_failure: continue, input: "${input.missing.deep}"}
          - {id: b, action: x, needs: []}
          - {id: c, action: x, needs: [a, b]}
        """,
        {},
    )
    world.complete("b", 1)
    assert world.states() == "a:FAILED b:SUCCEEDED c:READY"
    assert value_of(world.step("c").input) == {"a": None, "b": 1}


@pytest.mark.parametrize("needs", ["needs: []", "needs: [root]"])
def test_nothing_is_scheduled_after_a_sibling_has_failed_the_run(needs: str) -> None:
    world = World(
        f"""
        steps:
          - {{id: root, action: x, needs: []}}
          - {{id: bad, action: x, {needs}, input: "${{input.missing.deep}}"}}
          - {{id: late, action: x, {needs}}}
        """,
        {},
    )
    if not world.run.state.terminal:
        world.complete("root", 1)
    assert world.run.state is RunState.FAILED
    assert world.state("late") == "PENDING"
    assert world.events[-1].type is EventType.RUN_FAILED


def test_a_skipped_step_skips_what_needs_only_it() -> None:
    world = World("steps: [{id: a, action: x, when: 'false'}, {id: b, action: x}, {id: c, action: x}]")
    assert world.states() == "a:SKIPPED b:SKIPPED c:SKIPPED"
    assert world.run.state is RunState.SUCCEEDED
    assert world.output() is None


def test_one_success_among_skipped_needs_is_enough() -> None:
    world = World(
        """
        steps:
          - {id: a, action: x, needs: [], when: "false"}
          - {id: b, action: x, needs: []}
          - {id: c, action: x, needs: [a, b]}
        """
    )
    assert world.states() == "a:SKIPPED b:READY c:PENDING"
    world.complete("b", 1)
    assert world.state("c") == "READY"


def test_ten_thousand_skipped_steps_need_no_stack() -> None:
    steps = ["{id: s0, action: x, when: 'false'}"] + [f"{{id: s{i}, action: x}}" for i in range(1, 10_000)]
    world = World(f"steps: [{', '.join(steps)}]")
    assert world.run.state is RunState.SUCCEEDED
    assert world.count(EventType.STEP_SKIPPED) == 10_000
    assert world.folded().state is RunState.SUCCEEDED


def test_an_output_template_is_rendered_at_the_end() -> None:
    world = World(f"{SEQUENCE}\noutput: {{sum: '${{steps.a.output.n + steps.b.output.n}}'}}", 0)
    for key, n in zip("abc", (1, 2, 3), strict=True):
        world.complete(key, {"n": n})
    assert world.output() == {"sum": 3}


def test_an_output_template_that_fails_fails_the_run() -> None:
    world = World("steps: [{id: a, action: x}]\noutput: '${steps.a.output.none}'")
    world.complete("a", {"n": 1})
    assert (world.run.state, world.state("a")) == (RunState.FAILED, "SUCCEEDED")
    assert world.run.failure is not None
    assert world.run.failure.category is Category.DEFINITION


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_failure_ends_the_run_and_cancels_what_is_open(order: str) -> None:
    world = World(
        "steps: [{id: a, action: x, needs: []}, {id: b, action: x, needs: []}, {id: c, action: x, needs: [a]}]"
    )
    first, second = order
    world.kill(first)
    assert (world.state(first), world.state(second), world.state("c")) == ("DEAD", "CANCELLED", "PENDING")
    assert world.run.state is RunState.FAILED
    assert world.run.failure is not None
    assert world.run.failure.step == first
