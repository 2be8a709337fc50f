"""What an operator reads of a namespace: timers, everything at a glance. Users get these classes from `stellwerk`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from stellwerk._records import moment
from stellwerk.v1 import admin_pb2


@dataclass(frozen=True, slots=True)
class TimerInfo:
    """What will happen to a run at a moment; `step` is empty when it is about the run as a whole.

    `kind` is RETRY, SLEEP, STEP_TIMEOUT, START_TIMEOUT, SIGNAL_TIMEOUT, RUN_TIMEOUT or DECISION_RETRY.
    """

    run_id: str
    workflow: str
    step: str
    kind: str
    due_time: datetime | None


@dataclass(frozen=True, slots=True)
class Activity:
    """The runs of the minute that begins at `time`."""

    time: datetime | None
    started: int
    succeeded: int
    failed: int
    ended_otherwise: int


@dataclass(frozen=True, slots=True)
class Overview:
    """A namespace at a glance; `activity` has the minutes of the last hour in which something started or ended."""

    now: datetime | None
    runs_open: Mapping[str, int]
    runs_stalled: int
    dead_letters_open: int
    tasks_ready: int
    tasks_leased: int
    oldest_ready_time: datetime | None
    workers: int
    timers: int
    activity: list[Activity]


def timer(message: admin_pb2.Timer) -> TimerInfo:
    """Read a timer."""
    return TimerInfo(
        run_id=message.run_id,
        workflow=message.workflow,
        step=message.step,
        kind=message.kind,
        due_time=moment(message, "due_time"),
    )


def overview(message: admin_pb2.GetOverviewResponse) -> Overview:
    """Read how a namespace stands."""
    return Overview(
        now=moment(message, "now"),
        runs_open=dict(message.runs_open),
        runs_stalled=message.runs_stalled,
        dead_letters_open=message.dead_letters_open,
        tasks_ready=message.tasks_ready,
        tasks_leased=message.tasks_leased,
        oldest_ready_time=moment(message, "oldest_ready_time"),
        workers=message.workers,
        timers=message.timers,
        activity=[
            Activity(
                time=moment(minute, "time"),
                started=minute.started,
                succeeded=minute.succeeded,
                failed=minute.failed,
                ended_otherwise=minute.ended_otherwise,
            )
            for minute in message.activity
        ],
    )
