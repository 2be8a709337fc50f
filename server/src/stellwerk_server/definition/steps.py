"""One step of a definition: its kind, its templates and its bounds, checked and with defaults filled in."""

from __future__ import annotations

from typing import Any

from stellwerk_server.definition import cel, durations, policies, template
from stellwerk_server.definition.fields import STEP_ID, Fields
from stellwerk_server.definition.graph import Graph
from stellwerk_server.definition.problems import show
from stellwerk_server.definition.reads import Reads
from stellwerk_server.model.definition import (
    Expression,
    OnFailure,
    ParentClose,
    RetryPolicy,
    StepDefinition,
    StepKind,
    Template,
    Timeouts,
)
from stellwerk_server.model.errors import ExpressionError

_COMMON = ("id", "needs", "when", "on_failure", "description", "labels")
_ACTION_ONLY = ("action", "input", "foreach", "queue", "priority", "retry", "timeout")
_KEYS = (*_COMMON, *_ACTION_ONLY, "sleep", "signal", "workflow", "parent_close")
_KINDS = {"action": StepKind.ACTION, "sleep": StepKind.SLEEP, "signal": StepKind.SIGNAL, "workflow": StepKind.WORKFLOW}
# Fields of an action that a step of another kind has too.
_ALSO: dict[StepKind, tuple[str, ...]] = {
    StepKind.SLEEP: (),
    StepKind.SIGNAL: ("timeout",),
    StepKind.WORKFLOW: ("input", "foreach", "retry", "timeout"),
}
_CALLED = {
    StepKind.SLEEP: "a step that sleeps",
    StepKind.SIGNAL: "a step that waits for a signal",
    StepKind.WORKFLOW: "a step that starts a workflow",
}
_PARENT_CLOSE = {choice.name.lower(): choice for choice in ParentClose}
# What a child run does for good it has done with the retries of its own steps.
_ONCE = RetryPolicy(max_attempts=1)
_KIND_NAMES = ", ".join(_KINDS)
_ON_FAILURE = {choice.name.lower(): choice for choice in OnFailure}


def check_id(step: Fields) -> str | None:
    """The id of a step, None when it is none."""
    value = step.value.get("id")
    if isinstance(value, str) and STEP_ID.fullmatch(value):
        return value
    step.wrong("id", "expected 1 to 100 characters out of A-Z a-z 0-9 _ -, beginning with a letter or _")
    return None


def build_step(index: int, step: Fields, graph: Graph | None, reads: Reads) -> StepDefinition:
    """The step as written; what is wrong with it is noted, and then the result means nothing."""
    kind = _kind(step)
    step.notes()
    when, when_reads = _when(index, step, reads)
    sleep_s, sleep = _sleep(index, step, reads)
    return StepDefinition(
        index=index,
        id=str(step.value.get("id", "")),
        kind=kind,
        action=step.name("action", "none") if "action" in step.value else "",
        queue=step.name("queue", "default"),
        priority=step.integer("priority", 0, -100, 100),
        needs=graph.needs[index] if graph else (),
        dependents=graph.dependents[index] if graph else (),
        input=_input(index, step, reads),
        when=when,
        when_reads=when_reads,
        foreach=_foreach(index, step, reads),
        sleep_s=sleep_s,
        sleep=sleep,
        retry=_ONCE if kind is StepKind.WORKFLOW and "retry" not in step.value else policies.retry(step),
        signal=step.name("signal", "none") if "signal" in step.value else "",
        workflow=step.name("workflow", "none") if "workflow" in step.value else "",
        parent_close=_PARENT_CLOSE[step.choice("parent_close", "cancel", tuple(_PARENT_CLOSE))],
        timeout=_timeouts(kind, step),
        on_failure=_on_failure(kind, step),
    )


def _kind(step: Fields) -> StepKind:
    """What makes the step go; notes keys that belong to another kind."""
    step.only(_KEYS)
    found = [key for key in _KINDS if key in step.value]
    if len(found) > 1:
        step.problems.add(step.path, f"expected one of {_KIND_NAMES}, came {' and '.join(found)}")
    if not found and step.value:
        step.problems.add(step.path, f"expected one of {_KIND_NAMES}, came none")
    kind = _KINDS[found[-1]] if found else StepKind.ACTION
    if kind is not StepKind.ACTION:
        step.refuse([key for key in _ACTION_ONLY[1:] if key not in _ALSO[kind]], f"{_CALLED[kind]} has no such field")
    if kind is not StepKind.WORKFLOW:
        step.refuse(["parent_close"], "only a step that starts a workflow has such a field")
    return kind


def _timeouts(kind: StepKind, step: Fields) -> Timeouts:
    if kind is StepKind.ACTION:
        return policies.timeouts(step)
    if kind is StepKind.SLEEP:
        return Timeouts()
    return policies.total_timeout(step)


def _on_failure(kind: StepKind, step: Fields) -> OnFailure:
    chosen = _ON_FAILURE[step.choice("on_failure", "fail", tuple(_ON_FAILURE))]
    if kind in (StepKind.SIGNAL, StepKind.WORKFLOW) and chosen is OnFailure.PARK:
        step.problems.add(step.at("on_failure"), f"{_CALLED[kind]} cannot be parked: expected fail or continue")
    return chosen


def _input(index: int, step: Fields, reads: Reads) -> Template | None:
    if "input" not in step.value:
        return None
    return _template(index, step, "input", reads, item="foreach" in step.value)


def _template(index: int, step: Fields, key: str, reads: Reads, *, item: bool = False) -> Template:
    source, path = step.value[key], step.at(key)
    filled = template.fill(source, path, step.problems)
    return Template(source, filled.render, reads.of(filled.paths, index, path, item=item))


def _foreach(index: int, step: Fields, reads: Reads) -> Template | None:
    if "foreach" not in step.value:
        return None
    source = step.value["foreach"]
    if isinstance(source, list) or (isinstance(source, str) and template.only_hole(source) is not None):
        return _template(index, step, "foreach", reads)
    if not (isinstance(source, str) and "${" in source and _unclosed(step, "foreach")):
        step.wrong("foreach", "expected a list or one template such as ${input.items}")
    return None


def _unclosed(step: Fields, key: str) -> bool:
    """True when the text is no template at all, which is then noted."""
    before = len(step.problems)
    template.fill(step.value[key], step.at(key), step.problems)
    return len(step.problems) > before


def _when(index: int, step: Fields, reads: Reads) -> tuple[Expression | None, frozenset[str]]:
    if "when" not in step.value:
        return None, frozenset()
    source = step.value["when"]
    if not isinstance(source, str):
        step.wrong("when", "expected an expression such as steps.a.output.total > 0")
        return None, frozenset()
    inner = template.only_hole(source)
    source = source if inner is None else inner
    try:
        evaluate, found = template.expression(source)
    except cel.BadExpression as error:
        step.problems.add(step.at("when"), f"in {show(source)}: {error}")
        return None, frozenset()
    return (
        Expression(source, cel.evaluator_of_bool(source, evaluate)),
        reads.of(found, index, step.at("when")),
    )


def _sleep(index: int, step: Fields, reads: Reads) -> tuple[float | None, Template | None]:
    """A fixed length in seconds, or a template that renders to one."""
    if "sleep" not in step.value:
        return None, None
    source = step.value["sleep"]
    if isinstance(source, str) and "${" in source:
        written = _template(index, step, "sleep", reads)
        return None, Template(source, lambda scope: _slept_s(source, written.render(scope)), written.reads)
    if expected := durations.problem(source, zero=True):
        step.wrong("sleep", expected)
    return durations.seconds(source), None


def _slept_s(source: str, value: Any) -> float:
    expected = durations.problem(value, zero=True)
    length_s = durations.seconds(value)
    if expected or length_s is None:
        raise ExpressionError(f"cannot sleep {show(source)}: {expected}, came {show(value)}")
    return length_s
