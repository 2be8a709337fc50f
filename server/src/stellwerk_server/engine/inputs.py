"""What a step is given and what a run gives back: defaults, scopes of expressions, lists of items. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from stellwerk_server.engine.run import Run, Step
from stellwerk_server.model import ids
from stellwerk_server.model.payload import NULL, Payload, from_value, is_json, to_value


def default(run: Run, step: Step) -> Payload:
    """The run's input without needs, the one need's output, or an object of outputs by id."""
    needs = step.definition.needs
    if not needs:
        return run.input
    steps = run.workflow.definition.steps
    if len(needs) == 1:
        return run.step(steps[needs[0]]).output or NULL
    return _object((steps[i].id, run.step(steps[i]).output) for i in needs)


def run_output(run: Run) -> Payload:
    """The default output of a run: that of its last step, or an object of those of its last steps."""
    last = [run.step(s) for s in run.workflow.definition.steps if not s.dependents]
    if len(last) == 1:
        return last[0].output or NULL
    return _object((step.key, step.output) for step in last)


def scope(run: Run, reads: Iterable[str]) -> dict[str, Any]:
    """What an expression sees; only the steps it reads are unpacked."""
    steps = {}
    for step_id in reads:
        step = run.steps.get(step_id)
        steps[step_id] = {
            "output": to_value(step.output) if step is not None and step.output is not None else None,
            "state": step.state.name if step is not None else "PENDING",
        }
    return {"input": to_value(run.input), "steps": steps, "run": {"id": ids.show(run.id)}}


def elements(payload: Payload | None) -> list[Payload]:
    """The elements of a recorded list as payloads of their own."""
    return [from_value(element) for element in json.loads(payload or b"[]")]


def join(outcomes: list[Payload | None]) -> Payload:
    """The outputs of all items as one list, in order; null where an item failed."""
    return Payload(b"[" + b",".join([_embedded(outcome) for outcome in outcomes]) + b"]")


def _object(outputs: Iterable[tuple[str, Payload | None]]) -> Payload:
    fields = [json.dumps(key).encode() + b":" + _embedded(output) for key, output in outputs]
    return Payload(b"{" + b",".join(fields) + b"}")


def _embedded(output: Payload | None) -> bytes:
    if output is None:
        return NULL
    return output if is_json(output) else from_value(to_value(output))
