"""The table of routes: what each is called with and where the fields of its request come from.

The one source of what the server answers and of what /openapi.json says. Knows no HTTP library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Paths = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A verb and a path as a call of one servicer method.

    Args:
        path: with `{parameters}`.
        method: name of the servicer's method.
        summary: one sentence for people.
        parameters: fields of the request that come from the path, by parameter.
        query: the same by query parameter; `namespace` is on every route.
        headers: the same by header, lower case.
        body: the same by member of the JSON body; None: the route takes no body.
        text: field that is the body as a text, JSON or YAML.
        defaults: texts of query parameters that are absent.
        instead: a query parameter that, when true, makes this another method's call.
        created: whether a response made something new: then the status is 201.
        examples: of the body.
    """

    verb: str
    path: str
    method: str
    summary: str
    parameters: Paths = field(default_factory=dict)
    query: Paths = field(default_factory=dict)
    headers: Paths = field(default_factory=dict)
    body: Paths | None = None
    text: str = ""
    defaults: Paths = field(default_factory=dict)
    instead: tuple[str, str] | None = None
    created: Callable[[Any], bool] | None = None
    examples: Mapping[str, Any] = field(default_factory=dict)


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


PAGE = _same("page_size", "page_token")
RUN = _same("run_id")
LETTER = _same("dead_letter_id")
_RUN = "/api/runs/{run_id}"
_LETTER = "/api/dead-letters/{dead_letter_id}"


def _new(response: Any) -> bool:
    return not response.deduplicated


WORKFLOWS = (
    Route(
        verb="POST",
        path="/api/workflows/{name}/trigger",
        method="StartRun",
        summary="Start a run, once per idempotency key; with `wait` the answer holds its result.",
        parameters={"name": "workflow"},
        query=_same("wait"),
        headers={"idempotency-key": "idempotency_key"},
        body=_same("input", "timeout", "version", "signal", "request_id"),
        created=_new,
        examples={"with an input": {"input": {"total": 12}}, "with a deadline": {"input": None, "timeout": "10m"}},
    ),
    Route(
        verb="GET",
        path="/api/workflows",
        method="ListWorkflows",
        summary="The current version of each workflow.",
        query=PAGE,
    ),
    Route(
        verb="POST",
        path="/api/workflows",
        method="ApplyWorkflow",
        summary="Register a definition; the same content is the same version. With `validate_only` it is only checked.",
        text="definition",
        query=_same("request_id"),
        instead=("validate_only", "ValidateWorkflow"),
        created=lambda response: bool(response.created),
        examples={
            "a step": {"name": "order", "steps": [{"id": "charge", "action": "charge"}]},
            "short": {
                "id": "order",
                "steps": [{"action": "charge", "stepIndex": 0}, {"action": "ship", "stepIndex": 1}],
            },
        },
    ),
    Route(
        verb="GET",
        path="/api/workflows/{name}",
        method="GetWorkflow",
        summary="One workflow: its current version, or the one asked for.",
        parameters=_same("name"),
        query=_same("version"),
    ),
    Route(
        verb="GET",
        path="/api/workflows/{name}/versions",
        method="ListWorkflows",
        summary="All versions of one workflow, newest first.",
        parameters=_same("name"),
        query=PAGE,
    ),
)

RUNS = (
    Route(
        verb="GET",
        path="/api/runs",
        method="ListRuns",
        summary="Runs that fit the filters, newest first, without payloads.",
        query={**_same("workflow", "created_after", "created_before", "attributes"), "state": "states", **PAGE},
    ),
    Route(
        verb="GET",
        path=_RUN,
        method="GetRun",
        summary="A run as it stands; with `include_steps` also its steps.",
        parameters=RUN,
        query=_same("include_steps"),
    ),
    Route(
        verb="GET",
        path=f"{_RUN}/tasks",
        method="ListSteps",
        summary="The steps of a run in order, with their payloads and attempts when asked for.",
        parameters=RUN,
        query={
            "step": "steps",
            "state": "states",
            "payloads": "include_payloads",
            "attempts": "include_attempts",
            "omit_items": "omit_items",
            **PAGE,
        },
    ),
    Route(
        verb="GET",
        path=f"{_RUN}/history",
        method="GetHistory",
        summary="The events of a run in order.",
        parameters=RUN,
        query=PAGE,
    ),
    Route(
        verb="GET",
        path=f"{_RUN}/explain",
        method="ExplainRun",
        summary="What an open run waits for, most telling first; of an ended one, how it has ended.",
        parameters=RUN,
    ),
    Route(
        verb="GET",
        path=f"{_RUN}/result",
        method="WaitRun",
        summary="How the run has ended; holds the answer for as long as `wait` says.",
        parameters=RUN,
        query=_same("wait"),
        defaults={"wait": "0s"},
    ),
    Route(
        verb="POST",
        path=f"{_RUN}/cancel",
        method="CancelRun",
        summary="End the run as CANCELLED: nothing new is handed out, running handlers are told.",
        parameters=RUN,
        body=_same("reason", "request_id"),
        examples={"with a reason": {"reason": "ordered twice"}},
    ),
    Route(
        verb="POST",
        path=f"{_RUN}/terminate",
        method="TerminateRun",
        summary="End the run as TERMINATED, at once.",
        parameters=RUN,
        body=_same("reason", "request_id"),
    ),
    Route(
        verb="POST",
        path=f"{_RUN}/retry",
        method="RetryRun",
        summary="Start a new run from an ended one; it keeps what is finished and not asked for again.",
        parameters=RUN,
        body=_same("from_step", "request_id"),
        created=_new,
        examples={"from a step": {"from_step": "charge"}},
    ),
    Route(
        verb="POST",
        path=f"{_RUN}/resume",
        method="ResumeRun",
        summary="Have a parked run of a code workflow decided again.",
        parameters=RUN,
        body=_same("request_id"),
    ),
    Route(
        verb="POST",
        path=f"{_RUN}/signal",
        method="SignalRun",
        summary="Tell the run something by name, once per signal id.",
        parameters=RUN,
        body={**{name: f"signal.{name}" for name in ("name", "payload", "signal_id")}, "request_id": "request_id"},
        examples={"an approval": {"name": "approval", "payload": {"by": "kim"}}},
    ),
)

DEAD_LETTERS = (
    Route(
        verb="GET",
        path="/api/dead-letters",
        method="ListDeadLetters",
        summary="Steps whose attempts are exhausted, newest first; open ones when no state is named.",
        query={**_same("workflow", "action", "run_id"), "state": "states", **PAGE},
    ),
    Route(
        verb="POST",
        path=f"{_LETTER}/requeue",
        method="RequeueDeadLetter",
        summary="Try the step again: a BLOCKED run goes on, an ended one is forked.",
        parameters=LETTER,
        body=_same("request_id"),
    ),
    Route(
        verb="POST",
        path=f"{_LETTER}/discard",
        method="DiscardDeadLetter",
        summary="Give the step up: a BLOCKED run fails.",
        parameters=LETTER,
        body=_same("reason", "request_id"),
    ),
)

OPERATIONS = (
    Route(verb="GET", path="/api/overview", method="GetOverview", summary="What an operator wants to see first."),
    Route(verb="GET", path="/api/workers", method="ListWorkers", summary="The workers, last seen first."),
    Route(verb="GET", path="/api/queues", method="ListQueues", summary="How much waits where, and who serves it."),
    Route(
        verb="GET",
        path="/api/timers",
        method="ListTimers",
        summary="Timers that are set, soonest first.",
        query={**_same("workflow"), **PAGE},
    ),
    Route(verb="GET", path="/api/server", method="GetServer", summary="How this server is."),
)

# The one that is called most stands first: paths are looked at in this order.
ROUTES = (*WORKFLOWS, *RUNS, *DEAD_LETTERS, *OPERATIONS)
