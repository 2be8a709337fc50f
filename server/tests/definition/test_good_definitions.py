"""What good definitions become: defaults, order, durations, canonical text."""

from __future__ import annotations

import json

import pytest

from stellwerk_server import definition
from stellwerk_server.model.definition import OnFailure, RetryPolicy, StepKind, Timeouts
from stellwerk_server.model.errors import ExpressionError

ORDER = """
name: order
description: what happens to an order
labels: {team: shop}
input_schema: {type: object, required: [total], properties: {total: {type: number}}}
timeout: 1d
steps:
  - {id: quote, action: pricing.quote}
  - id: charge
    action: billing.charge
    needs: [quote]
    input: {amount: "${steps.quote.output.total}", customer: "${input.customer}"}
    when: "steps.quote.output.total > 0"
    retry: {max_attempts: 3, initial: 250ms, backoff: 3, max: 1m30s, jitter: 0, non_retryable: [CardDeclined]}
    timeout: {attempt: 30s, total: 10m, start: 1.5m}
    queue: money
    priority: -5
    on_failure: park
  - {id: wait, needs: [charge], sleep: 1h30m}
  - {id: notify, needs: [wait], action: mail.send, foreach: "${input.recipients}", input: "${item} ${index}"}
output: "${steps.charge.output}"
"""


def test_every_field_of_the_long_form_arrives() -> None:
    order = definition.parse(ORDER)
    quote, charge, wait, notify = order.steps
    assert (order.name, order.timeout_s) == ("order", 86400)
    assert (quote.needs, quote.dependents, charge.needs, notify.dependents) == ((), (1,), (0,), ())
    assert charge.retry == RetryPolicy(3, 0.25, 3.0, 90.0, 0.0, frozenset({"CardDeclined"}))
    assert charge.timeout == Timeouts(30.0, 600.0, 90.0)
    assert (charge.queue, charge.priority, charge.on_failure) == ("money", -5, OnFailure.PARK)
    assert charge.input is not None
    assert charge.input.reads == {"quote"}
    assert charge.when_reads == {"quote"}
    assert (wait.kind, wait.sleep_s, wait.timeout) == (StepKind.SLEEP, 5400.0, Timeouts())
    assert notify.foreach is not None
    assert notify.foreach.render({"input": {"recipients": [1, 2]}}) == [1, 2]
    assert order.output is not None
    assert order.output.reads == {"charge"}


def test_steps_without_needs_are_a_sequence_and_an_empty_needs_makes_a_graph() -> None:
    sequence = definition.parse("name: s\nsteps: [a, b, c]")
    assert [step.needs for step in sequence.steps] == [(), (0,), (1,)]
    graph = definition.parse("name: g\nsteps: [{action: a, needs: []}, {action: b}]")
    assert [step.needs for step in graph.steps] == [(), ()]


def test_the_short_form_is_sorted_named_and_the_same_as_the_long_one() -> None:
    short = definition.parse(
        '{"id": "name", "steps": [{"action": "step2", "stepIndex": 1}, {"action": "step1", "stepIndex": 0}]}'
    )
    long = definition.parse("steps: [{id: step1, action: step1}, {id: step2, action: step2}]\nname: name")
    assert [step.action for step in short.steps] == ["step1", "step2"]
    assert short.name == "name"
    assert definition.digest(short) == definition.digest(long)


def test_ids_made_from_actions_are_unique_and_avoid_written_ones() -> None:
    made = definition.parse("name: x\nsteps: [a, a, {id: a-2, action: b}, a, mail.send, 9lives, {sleep: 1s}]")
    assert [step.id for step in made.steps] == ["a", "a-3", "a-2", "a-4", "mail_send", "_9lives", "sleep"]


@pytest.mark.parametrize(
    ("written", "length_s"),
    [
        ("250ms", 0.25), ("1s", 1), ("1.5m", 90), ("2h", 7200), ("3d", 259200), ("1h30m", 5400),
        (5, 5), (0.5, 0.5), ("7", 7), (0, 0), ("0s", 0), ("3650d", 315360000),
    ],
)  # fmt: skip
def test_durations(written: str | float, length_s: float) -> None:
    text = json.dumps({"name": "x", "steps": [{"sleep": written}]})
    assert definition.parse(text).steps[0].sleep_s == length_s


def test_a_bare_timeout_bounds_the_attempt_and_fixed_means_no_backoff() -> None:
    text = "name: x\nsteps: [{action: a, timeout: 30s, retry: {strategy: fixed, initial: 5m}}]"
    [step] = definition.parse(text).steps
    assert step.timeout == Timeouts(attempt_s=30.0)
    assert (step.retry.backoff, step.retry.initial_s, step.retry.max_s) == (1.0, 300.0, 300.0)


def test_defaults_are_those_of_the_model() -> None:
    [step] = definition.parse("name: x\nsteps: [a]").steps
    assert (step.retry, step.timeout, step.queue, step.priority) == (RetryPolicy(), Timeouts(), "default", 0)
    assert [step.input, step.when, step.foreach, step.sleep] == [None] * 4


def test_canonical_text_has_no_defaults_and_compiles_to_the_same() -> None:
    order = definition.parse(ORDER)
    assert definition.compile(order.canonical) == order
    assert definition.parse(order.canonical) == order
    assert '"queue":"default"' not in order.canonical
    assert definition.parse("name: x\nsteps: [a]").canonical == '{"name":"x","steps":[{"action":"a","id":"a"}]}'


def test_a_template_for_sleep_renders_seconds() -> None:
    sleep = definition.parse("name: x\nsteps: [{sleep: '${input.delay}'}]").steps[0].sleep
    assert sleep is not None
    assert sleep.render({"input": {"delay": "1h30m"}}) == 5400.0
    assert sleep.render({"input": {"delay": 0.5}}) == 0.5
    with pytest.raises(ExpressionError, match=r"expected a duration such as 1s or 5m, came 'soon'"):
        sleep.render({"input": {"delay": "soon"}})


def test_reading_steps_as_a_whole_reads_every_ancestor() -> None:
    text = """
    name: x
    steps:
      - {id: a, action: x, needs: []}
      - {id: b, action: x, needs: [a]}
      - {id: c, action: x}
      - {id: d, action: x, needs: [b], input: "${steps[input.which].output}", when: "size(steps) > 1"}
    output: "${steps}"
    """
    parsed = definition.parse(text)
    d = parsed.step("d")
    assert d is not None
    assert d.input is not None
    assert d.input.reads == d.when_reads == {"a", "b"}
    assert parsed.output is not None
    assert parsed.output.reads == {"a", "b", "c", "d"}


def test_the_input_schema_names_path_expected_and_came() -> None:
    check = definition.parse(ORDER).check_input
    assert check is not None
    assert check({"total": 1.5}) == []
    assert check({"total": "x"}) == [("input.total", "expected number, came 'x'")]
    assert check({}) == [("input", "expected the field 'total', came an object without it")]
    assert check(5) == [("input", "expected object, came 5")]


def test_the_input_schema_names_at_most_twenty_problems() -> None:
    check = definition.parse("name: x\nsteps: [a]\ninput_schema: {items: {type: string}}").check_input
    assert check is not None
    assert len(check(list(range(100)))) == 20
    assert check([1, "\ud800"])[0] == ("input[0]", "expected string, came 1")


def test_ten_thousand_steps_are_welcome() -> None:
    big = definition.parse(json.dumps({"name": "big", "steps": ["x"] * 10_000}))
    assert big.steps[-1].needs == (9998,)
    assert big.steps[-1].id == "x-10000"
