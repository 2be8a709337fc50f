"""The long form into a `WorkflowDefinition`. Notes every problem; the result counts when there is none."""

from __future__ import annotations

from typing import Any

from stellwerk_server.definition import schema, template
from stellwerk_server.definition.fields import Fields
from stellwerk_server.definition.graph import connect
from stellwerk_server.definition.problems import Problems, child, show
from stellwerk_server.definition.reads import Reads
from stellwerk_server.definition.steps import build_step, check_id
from stellwerk_server.model.definition import Template, WorkflowDefinition

MAX_STEPS = 10_000
_KEYS = ("name", "version", "description", "labels", "input_schema", "timeout", "steps", "output")


def build(value: Any, canonical: str, places: list[int] | None, problems: Problems) -> WorkflowDefinition | None:
    """The definition; `places` says where each step was written, when that is not its index."""
    if not isinstance(value, dict):
        problems.add("definition", f"expected an object with name and steps, came {show(value)}")
        return None
    fields = Fields(value, "", problems)
    fields.only(_KEYS)
    _check_head(fields)
    check_input = None
    if "input_schema" in value:
        check_input = schema.checker(value["input_schema"], "input_schema", problems)
    steps = _step_objects(fields, places)
    if steps is None:
        return None
    ids, index_of = _ids(steps)
    graph = connect([step.value for step in steps], index_of, [step.path for step in steps], problems)
    reads = Reads(ids, index_of, graph, problems)
    built = tuple(build_step(index, step, graph, reads) for index, step in enumerate(steps))
    output = _output(fields, reads)
    timeout_s = fields.duration("timeout")
    if problems:
        return None
    return WorkflowDefinition(value["name"], built, canonical, output, timeout_s, check_input)


def _check_head(fields: Fields) -> None:
    if "name" in fields.value:
        fields.name("name", "workflow")
    else:
        fields.problems.add("name", "expected the name of the workflow, came nothing")
    version = fields.value.get("version", "")
    if isinstance(version, bool) or not isinstance(version, str | int | float):
        fields.wrong("version", "expected a text or a number")
    fields.notes()


def _step_objects(fields: Fields, places: list[int] | None) -> list[Fields] | None:
    """Each step as its fields; None when there are none to look at."""
    steps = fields.value.get("steps")
    if not isinstance(steps, list) or not steps:
        fields.wrong("steps", "expected a list of at least one step")
        return None
    if len(steps) > MAX_STEPS:
        fields.problems.add("steps", f"expected at most {MAX_STEPS} steps, came {len(steps)}")
        return None
    found = []
    for place, step in zip(places if places else range(len(steps)), steps, strict=True):
        path = child("steps", place)
        if not isinstance(step, dict):
            fields.problems.add(path, f"expected an object or the name of an action, came {show(step)}")
            step = {}
        found.append(Fields(step, path, fields.problems))
    return found


def _ids(steps: list[Fields]) -> tuple[list[str], dict[str, int]]:
    """The id of each step in order, and where each id stands."""
    index_of: dict[str, int] = {}
    for index, step in enumerate(steps):
        if not step.value:
            continue
        step_id = check_id(step)
        if step_id in index_of:
            step.problems.add(step.at("id"), f"{step_id!r} is already the id of {steps[index_of[step_id]].path}")
        elif step_id:
            index_of[step_id] = index
    return [str(step.value.get("id", "")) for step in steps], index_of


def _output(fields: Fields, reads: Reads) -> Template | None:
    if "output" not in fields.value:
        return None
    source = fields.value["output"]
    filled = template.fill(source, "output", fields.problems)
    return Template(source, filled.render, reads.of(filled.paths, None, "output"))
