"""What clients and workers were told, to be compared with the tables: I1 to I5, I9, I13 and I19 of the list."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from stellwerk_server.model import ids

Place = tuple[int, str]


def run_of(message: Any) -> int:
    """The number of the run that an answer or a task names."""
    run_id = ids.parse(message.run_id)
    assert run_id is not None
    return run_id


class Violation(AssertionError):
    """Something that must never happen."""


@dataclass
class Ledger:
    """Everything acknowledged in one run."""

    # (workflow, key) -> run, input
    keys: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    started: dict[int, str] = field(default_factory=dict)
    # run -> signal ids in the order one client was told OK, by client.
    signals: dict[tuple[int, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    ended: dict[int, int] = field(default_factory=dict)
    ended_at: dict[int, float] = field(default_factory=dict)
    results: dict[Place, str] = field(default_factory=dict)
    tokens: set[bytes] = field(default_factory=set)
    acknowledged: int = 0

    def start(self, workflow: str, key: str, request: str, value: str, run_id: int) -> None:
        """I1: a client was told that its start is this run."""
        self.acknowledged += 1
        self.started[run_id] = workflow
        if key:
            known = self.keys.setdefault((workflow, key), (run_id, value))
            if known != (run_id, value):
                raise Violation(f"key {key} of {workflow} is {known}, and now {(run_id, value)}")
        elif self.requests.setdefault(request, run_id) != run_id:
            raise Violation(f"request {request} is {self.requests[request]}, and now {run_id}")

    def end(self, run_id: int, state: int, at_s: float) -> None:
        """I6, I9: a client was told how a run has ended."""
        self.acknowledged += 1
        if self.ended.setdefault(run_id, state) != state:
            raise Violation(f"run {run_id} has ended as {self.ended[run_id]}, and now as {state}")
        self.ended_at.setdefault(run_id, at_s)

    def signal(self, run_id: int, sender: str, signal_id: str) -> None:
        """I13: a client was told that the run has it."""
        self.acknowledged += 1
        if signal_id not in self.signals[run_id, sender]:
            self.signals[run_id, sender].append(signal_id)

    def token(self, token: bytes) -> None:
        """I4: a worker was given a task."""
        if token in self.tokens:
            raise Violation(f"token {token.hex()} was handed out twice")
        self.tokens.add(token)

    def complete(self, place: Place, output: str) -> None:
        """I2: a worker was told that its result is recorded."""
        self.acknowledged += 1
        if self.results.setdefault(place, output) != output:
            raise Violation(f"{place} was completed with {self.results[place]}, and with {output}")

    def compare(self, tables: Any) -> None:
        """All of it is in the tables."""
        for run_id in self.started:
            if run_id not in tables.runs:
                raise Violation(f"run {run_id} was acknowledged, and is not there")
        self._compare_keys(tables)
        for run_id, state in self.ended.items():
            if tables.runs[run_id]["state"] != state:
                raise Violation(f"run {run_id} is {tables.runs[run_id]['state']}, a client was told {state}")
        for place, output in self.results.items():
            step = tables.steps.get(place)
            if step is None or step["output"] != output.encode():
                raise Violation(f"{place} was completed with {output}, the table has {step and step['output']!r}")
        self._compare_signals(tables)

    def _compare_keys(self, tables: Any) -> None:
        of_key = defaultdict(set)
        of_request = defaultdict(set)
        for run_id, row in tables.runs.items():
            if row["idempotency_key"] is not None:
                of_key[row["workflow_id"], row["idempotency_key"]].add(run_id)
            if row["request_id"] is not None:
                of_request[row["request_id"]].add(run_id)
        for found in (of_key, of_request):
            for key, runs in found.items():
                if len(runs) > 1:
                    raise Violation(f"{key} has the runs {sorted(runs)}")

    def _compare_signals(self, tables: Any) -> None:
        for (run_id, sender), told in self.signals.items():
            heard = [e.data["id"] for e in tables.events[run_id] if e.type.name == "RUN_SIGNALLED"]
            mine = [signal_id for signal_id in heard if signal_id in set(told)]
            if mine != told:
                raise Violation(f"run {run_id}: {sender} was told of the signals {told}, the history has {heard}")
