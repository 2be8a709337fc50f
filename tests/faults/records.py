"""The three logs a run under faults leaves behind, one JSON object a line: who writes and who checks agree here.

`at` is the host's clock in microseconds since 1970 (one host, one clock: lines of different files may be compared).
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, TypeVar

OPERATIONS, EFFECTS, FAULTS = "operations.jsonl", "effects-*.jsonl", "faults.jsonl"
# What the parts of the cluster took up, and one JSON object about the run as a whole: seed, duration_s, lease_s,
# namespaces (name -> what its payloads begin with), servers, workers, revision.
RESOURCES, RUN = "resources.jsonl", "run.json"

# How an operation stands: begun, acknowledged, refused for certain, or nobody knows.
INVOKE, OK, FAIL, INFO = "invoke", "ok", "fail", "info"
# The error of an operation whose client did not wait for its end.
HUNG_UP = "CUT"


@dataclass(frozen=True, slots=True)
class Operation:
    """A line of a client's log. `id` joins an `invoke` with its end; without an end it is indeterminate too.

    `f` and what its `args` and `result` hold:
      start: workflow, input, key?, request_id, signal? -> run_id, deduplicated
      signal: run_id, name, id, value -> deduplicated
      cancel, terminate: run_id -> state
      requeue, discard: dead_letter_id, run_id, step -> run_id
      retry: run_id, request_id -> run_id
      wait: run_id -> ended, state, output, failure (type)
      get: run_id -> state, steps {key: {state, attempt, output}}
      peek: run_id of another namespace; must fail with RUN_NOT_FOUND
      poll (of a worker without SDK): worker, queue, actions -> tasks [{token, run_id, step, attempt, action}]
      complete: token, run_id, step, attempt, outcome ("succeeded", "failed"), value -> verdict ("OK", "LEASE_LOST", …)
      probe: run_id of a trivial workflow, begun and awaited in one go -> took_s
    """

    at: int
    id: int
    client: str
    namespace: str
    f: str
    kind: str
    args: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    # The status and reason of a refusal or of what left it open: "ABORTED LEASE_LOST", "UNAVAILABLE".
    error: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """A line of a worker's ledger, flushed before the handler goes on: it begins, or it is about to return `value`.

    `value` is unlike that of every other attempt, and begins with the namespace: "a/python-3/1723".
    """

    at: int
    worker: str
    language: str
    namespace: str
    run_id: str
    step: str
    attempt: int
    action: str
    phase: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A line of the harness: a fault begins (`begin`), is over (`end`), or was got over (`recovered`).

    `fault`: server_kill, server_freeze, server_roll, worker_kill, worker_freeze, postgres_kill, postgres_restart,
    redis_kill, redis_flush, redis_pause, redis_lie, net_latency, net_cut, net_half_open, net_one_way, net_lost_reply,
    clock_skew, disk_full, held_snapshot, connections_taken. `detail.after_s` of `recovered` says how long it took from
    the fault, of Postgres from when it took connections again.
    """

    at: int
    id: int
    fault: str
    phase: str
    target: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """What one part of the cluster takes up: before the faults (`baseline`), under `load`, idle again (`final`).

    Of "postgres", `connections` counts the backends of clients.
    """

    at: int
    name: str
    phase: str
    rss_bytes: int = 0
    descriptors: int = 0
    connections: int = 0


Record = TypeVar("Record", Operation, Effect, Fault, Resource)


class Log:
    """Appends lines to one file; each is handed to the kernel at once, so a killed writer loses none it has written."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", buffering=1, encoding="utf-8")

    def write(self, record: Operation | Effect | Fault | Resource) -> None:
        """Append it."""
        self._file.write(json.dumps(dataclasses.asdict(record), separators=(",", ":")) + "\n")

    def close(self) -> None:
        """Write no more."""
        self._file.close()


def now() -> int:
    """The host's clock as the logs have it."""
    return time.time_ns() // 1_000


def read(folder: Path, pattern: str, kind: type[Record]) -> Iterator[Record]:
    """The records of all files of that pattern; a last line that was cut off by a kill is left out."""
    for path in sorted(folder.glob(pattern)):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield kind(**json.loads(line))
