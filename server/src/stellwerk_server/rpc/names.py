"""Checks of what requests name: every problem at once, each with its field."""

from __future__ import annotations

import re
from collections.abc import Iterable

from stellwerk.v1 import worker_pb2
from stellwerk_server.model.errors import InvalidArgument, Problem

_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")
_WORKER = re.compile(r"[\x21-\x7e]{1,200}")
_MAX_ACTIONS = 1_000


def check_poll(request: worker_pb2.PollTaskRequest) -> None:
    """Raise InvalidArgument for a poll that cannot be served."""
    problems = _worker_problems(request.worker_id, request.queue, request.actions)
    if not request.actions:
        problems.append(Problem("actions", "expected at least one action this worker has a handler for, came none"))
    if not 1 <= request.max_tasks <= 1_000:
        problems.append(Problem("max_tasks", f"expected 1 to 1000, came {request.max_tasks}"))
    if request.pinned_build and not _WORKER.fullmatch(request.pinned_build):
        problems.append(_build_problem("pinned_build", request.pinned_build))
    problems += _namespace_problems(request.namespace)
    _raise(problems)


def check_beat(request: worker_pb2.HeartbeatRequest) -> None:
    """Raise InvalidArgument for a beat of a worker that cannot be registered."""
    problems = _worker_problems(request.worker_id, request.queue, request.actions)
    problems += _namespace_problems(request.namespace)
    if request.slots < 0:
        problems.append(Problem("slots", f"expected 0 or more, came {request.slots}"))
    problems += [
        Problem(field, "expected text without NUL, came one with it")
        for field, text in (("sdk", request.sdk), ("host", request.host))
        if "\0" in text
    ]
    problems += [
        Problem(f"workflows[{place}]", f"expected 1 to 190 of A-Z a-z 0-9 _ . : / -, came {name[:80]!r}")
        for place, name in enumerate(request.workflows)
        if len(name) > 190 or not _NAME.fullmatch(name)
    ]
    if len(request.workflows) > _MAX_ACTIONS:
        problems.append(Problem("workflows", f"expected at most {_MAX_ACTIONS}, came {len(request.workflows)}"))
    if request.build and not _WORKER.fullmatch(request.build):
        problems.append(_build_problem("build", request.build))
    _raise(problems)


def _build_problem(field: str, build: str) -> Problem:
    return Problem(field, f"expected 1 to 200 visible characters, came {build[:80]!r}")


def check_name(field: str, name: str) -> None:
    """Raise InvalidArgument for what cannot be a name of ours."""
    if not _NAME.fullmatch(name):
        raise InvalidArgument([Problem(field, f"expected 1 to 200 of A-Z a-z 0-9 _ . : / -, came {name[:80]!r}")])


def check_batch(field: str, size: int, most: int) -> None:
    """Raise InvalidArgument for an empty or too large batch."""
    if not 1 <= size <= most:
        raise InvalidArgument([Problem(field, f"expected 1 to {most} items, came {size}")])


def check_text(field: str, text: str, most: int) -> None:
    """Raise InvalidArgument for text that is too long or holds NUL, which Postgres cannot keep."""
    if len(text) > most:
        raise InvalidArgument([Problem(field, f"expected at most {most} characters, came {len(text)}")])
    if "\0" in text:
        raise InvalidArgument(
            [Problem(field, "expected text without NUL, came one at position " + str(text.index("\0")))]
        )


def check_namespace(namespace: str) -> None:
    """Raise InvalidArgument for what cannot be a namespace."""
    _raise(_namespace_problems(namespace))


def _namespace_problems(namespace: str) -> list[Problem]:
    if not namespace or _NAME.fullmatch(namespace):
        return []
    return [Problem("namespace", f"expected 1 to 200 of A-Z a-z 0-9 _ . : / -, came {namespace[:80]!r}")]


def _worker_problems(worker_id: str, queue: str, actions: Iterable[str]) -> list[Problem]:
    problems: list[Problem] = []
    if not _WORKER.fullmatch(worker_id):
        problems.append(Problem("worker_id", f"expected 1 to 200 visible ASCII characters, came {worker_id[:80]!r}"))
    if queue and not _NAME.fullmatch(queue):
        problems.append(Problem("queue", f"expected 1 to 200 of A-Z a-z 0-9 _ . : / -, came {queue[:80]!r}"))
    names = list(actions)
    if len(names) > _MAX_ACTIONS:
        problems.append(Problem("actions", f"expected at most {_MAX_ACTIONS}, came {len(names)}"))
    for place, name in enumerate(names[:_MAX_ACTIONS]):
        if not _NAME.fullmatch(name):
            expected = "expected 1 to 200 of A-Z a-z 0-9 _ . : / -"
            problems.append(Problem(f"actions[{place}]", f"{expected}, came {name[:80]!r}"))
    return problems


def _raise(problems: list[Problem]) -> None:
    if problems:
        raise InvalidArgument(problems)
