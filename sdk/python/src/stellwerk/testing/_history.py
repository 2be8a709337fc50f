"""Histories as `stellwerk run history --json` writes them, and code held against them. Must not run any handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf import json_format

from stellwerk._recorded import difference, entry_of
from stellwerk._records import RunState
from stellwerk._replay import NON_DETERMINISM, Replay
from stellwerk.errors import NonDeterminism, StellwerkError
from stellwerk.v1.run_pb2 import Event
from stellwerk.workflow import WorkflowPlan, plan

History = Mapping[str, Any]
"""`{"run_id": …, "workflow": …, "events": […]}`, each event as protobuf's JSON has it."""

STATES = {
    "RUN_STARTED": RunState.RUNNING,
    "RUN_BLOCKED": RunState.BLOCKED,
    "RUN_RESUMED": RunState.RUNNING,
    "RUN_SUCCEEDED": RunState.SUCCEEDED,
    "RUN_FAILED": RunState.FAILED,
    "RUN_CANCELLED": RunState.CANCELLED,
    "RUN_TERMINATED": RunState.TERMINATED,
    "RUN_TIMED_OUT": RunState.TIMED_OUT,
    "RUN_CONTINUED": RunState.CONTINUED,
}


def replay(history: History, function: Callable[..., Any]) -> RunState:
    """Run the code against a recorded history: the document of `stellwerk run history --json`, parsed.

    Gives the state of the run as far as the history goes. Raises NonDeterminism when the code asks for something else
    than is recorded, StellwerkError when it cannot go on for another reason.
    """
    events = [json_format.ParseDict(event, Event(), ignore_unknown_fields=True) for event in history["events"]]
    run = follow(events, plan(history.get("workflow") or "workflow", function), history.get("run_id", ""))
    run.drop()
    return state_of(events)


def follow(events: Sequence[Event], plan: WorkflowPlan, run_id: str) -> Replay:
    """The run as it stands after these events. Raises as `replay`."""
    run = Replay(plan, run_id)
    run.feed(events)
    problem = run.problem
    if problem is None:
        return run
    run.drop()
    if problem.type == NON_DETERMINISM:
        raise NonDeterminism(problem.message)
    raise StellwerkError(f"{problem.type}: {problem.message}")


def check(events: Sequence[Event], plan: WorkflowPlan, run_id: str) -> None:
    """As `follow`, of a run that has nothing more to ask for. Raises NonDeterminism when it has."""
    run = follow(events, plan, run_id)
    more = [command for command in run.commands if not command.HasField("cancel")]
    run.drop()
    if more:
        raise NonDeterminism(difference(run.asked - len(more) + 1, None, entry_of(more[0])))


def state_of(events: Sequence[Event]) -> RunState:
    """The state that the events lead to."""
    known = [STATES[event.type] for event in events if event.type in STATES]
    return known[-1] if known else RunState.PENDING


def document(run_id: str, workflow: str, events: Sequence[Event]) -> dict[str, Any]:
    """The document of a history."""
    written = [json_format.MessageToDict(event) for event in events]
    return {"run_id": run_id, "workflow": workflow, "version": 1, "events": written}
