"""The one form of all rules: looks at each run, then at what only the whole shows, and says what is broken.

Knows logs and database, no invariant.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from stellwerk_server.model import payload as payloads
from stellwerk_server.model.payload import Payload
from tests.faults.checker.database import Final, History
from tests.faults.checker.findings import Finding
from tests.faults.checker.logs import Call, Logs

# Host and database read the same clock, but not in the same moment.
SLACK = 20_000
# An attempt that was handed out before may begin so much later when nothing is broken.
LINGER = 5_000_000


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to look at."""

    logs: Logs
    final: Final


class Rule:
    """Looks for violations of one invariant. `looked` counts what it had to look at: 0 means that it proves nothing."""

    invariant: ClassVar[str]

    def __init__(self, scene: Scene) -> None:
        self.logs = scene.logs
        self.final = scene.final
        self.looked = 0
        # What a reader of the report should know beside the findings.
        self.notes: list[str] = []

    def of_run(self, run: History) -> Iterator[Finding]:
        """What is broken in one run; its history can be folded."""
        yield from ()

    def at_end(self) -> Iterator[Finding]:
        """What is broken in the whole; called after every run was looked at."""
        yield from ()

    def found(
        self, expected: object, came: object, run_id: str = "", step: str = "", calls: Iterable[Call] = ()
    ) -> Finding:
        """A violation of this rule's invariant."""
        texts = (f"{expected}"[:300], f"{came}"[:300])
        return Finding(self.invariant, *texts, run_id, step or "", tuple(call.id for call in calls))


def value(payload: bytes | None) -> Any:
    """What a payload says; None when there is none."""
    return None if payload is None else payloads.to_value(Payload(payload))


def same(payload: bytes | None, said: Any) -> bool:
    """Whether a payload says that; numbers count as JSON, so 1 is not "1" and 1.0 is 1."""
    return bool(value(payload) == said)


def shown(said: Any) -> str:
    """A value for people."""
    return json.dumps(said, ensure_ascii=False, default=str)[:120]
