"""Everything one server counts, by name. It is given values and asks nobody; the registry is the server's own.

docs/telemetry.md has the table of these; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from stellwerk_server.model.commands import Workflow
from stellwerk_server.model.definition import StepDefinition, StepKind
from stellwerk_server.model.events import SECOND, Event, EventType, Instant
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.states import RunState
from stellwerk_server.telemetry.series import Counters, Gauges, Histograms, Number, Spread

_TASK = ("namespace", "queue", "action")
# From a call within the machine to a handler that takes an hour.
_SHORT_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LONG_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 3_600.0)
_RUN_S = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0, 1_800.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0)
_MOST_HELD = 10_000
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 400)
_LOST = frozenset(("LeaseExpired", "WorkerLost"))
_OUTCOMES = {
    EventType.STEP_SUCCEEDED: "succeeded",
    EventType.STEP_ATTEMPT_FAILED: "failed",
    EventType.STEP_FAILED: "failed",
    EventType.STEP_DEAD: "dead",
    EventType.DECISION_FAILED: "failed",
}


class StepView(Protocol):
    """What is looked at of a folded step."""

    definition: StepDefinition
    ready_at: Instant | None


class RunView(Protocol):
    """What is looked at of a folded run."""

    workflow: Workflow
    state: RunState
    created_at: Instant
    ended_at: Instant | None

    @property
    def steps(self) -> Any:
        """StepViews by key."""


class _Tasks(NamedTuple):
    """The series of one action on one queue that every attempt needs."""

    waited: Spread
    took: Spread
    succeeded: Number


class Metrics:
    """The numbers of one server. Methods are called from its loop only."""

    def __init__(self, version: str) -> None:
        by_workflow = ("namespace", "workflow")
        self.runs_started = Counters("stellwerk_runs_started", "Runs begun.", by_workflow)
        self.runs_finished = Counters("stellwerk_runs_finished", "Runs ended.", (*by_workflow, "outcome"))
        self.run_duration = Histograms(
            "stellwerk_run_duration_seconds", "From a run's start to its end.", _RUN_S, by_workflow
        )
        self.schedule_to_start = Histograms(
            "stellwerk_task_schedule_to_start_seconds", "How long tasks waited to be handed out.", _LONG_S, _TASK
        )
        self.execution = Histograms(
            "stellwerk_task_execution_seconds", "From hand-out to outcome of an attempt.", _LONG_S, _TASK
        )
        self.attempts = Counters(
            "stellwerk_task_attempts", "Attempts ended, by their outcome.", (*_TASK, "outcome", "error_type")
        )
        self.leases_expired = Counters(
            "stellwerk_task_leases_expired", "Tasks taken from workers that were lost.", _TASK
        )
        self.results_fenced = Counters(
            "stellwerk_task_results_fenced", "Results refused because their lease was not current."
        )
        self.polls = Counters("stellwerk_polls", "Polls answered.", ("namespace", "queue", "result"))
        self.poll_batch = Histograms(
            "stellwerk_poll_batch_size", "Tasks in an answer that was not empty.", _SIZES, ("namespace", "queue")
        )
        self.runs_mended = Counters("stellwerk_runs_mended", "Runs that had lost what moves them and go on again.")
        self._started: dict[int, Number] = {}
        self._durations: dict[int, Spread] = {}
        self._tasks: dict[tuple[int, int], _Tasks] = {}
        self._count_of_server(version)

    def _count_of_server(self, version: str) -> None:
        self.timers_fired = Counters("stellwerk_timers_fired", "Timers that came due and were fired.")
        self.timer_lag = Histograms("stellwerk_timer_lag_seconds", "From a timer's moment to its firing.", _SHORT_S)
        self.commit_batch = Histograms("stellwerk_commit_batch_size", "Commands in one transaction.", _SIZES)
        self.commit_time = Histograms("stellwerk_commit_seconds", "One transaction, until it is durable.", _SHORT_S)
        self.calls = Histograms(
            "stellwerk_rpc_server_call_duration_seconds", "gRPC calls.", _SHORT_S, ("method", "code")
        )
        self.requests = Histograms(
            "stellwerk_http_server_request_duration_seconds",
            "HTTP requests, by the pattern of their route.",
            _SHORT_S,
            ("route", "method", "status"),
        )
        self.live_readers = Gauges("stellwerk_live_readers", "Open live streams.", ("kind",))
        self.build_info = Gauges("stellwerk_build_info", "Which version this is.", ("version",))
        self.build_info.of(version).value = 1
        # What has no labels is there from the beginning, at 0.
        alone = (self.results_fenced, self.timers_fired, self.timer_lag, self.commit_batch, self.commit_time)
        for figure in (*alone, self.runs_mended):
            figure.of()
        for kind in ("sse", "websocket", "watch"):
            self.live_readers.of(kind)

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        for family in vars(self).values():
            if isinstance(family, Counters | Gauges | Histograms):
                yield family.collect()

    def committed(self, events: Iterable[tuple[RunView, Sequence[Event]]], ended: Iterable[RunView]) -> None:
        """Count what a commit has made durable."""
        for run, told in events:
            if told[0].type is EventType.RUN_STARTED:
                self._run_started(run.workflow)
            for event in told:
                if event.type in _OUTCOMES:
                    self._attempt(run, event)
                elif event.data is not None and "checksum" in event.data:
                    self._decided(run)
        for run in ended:
            self._run_ended(run)

    def run_mended(self) -> None:
        """A run that nothing would have moved goes on again."""
        self.runs_mended.of().add()

    def transaction(self, commands: int, took_s: float, fenced: int) -> None:
        """One transaction is durable; so many of its results were refused."""
        self.commit_batch.of().observe(commands)
        self.commit_time.of().observe(took_s)
        if fenced:
            self.results_fenced.of().add(fenced)

    def polled(self, namespace: str, queue: str, tasks: int, *, claimed: bool) -> None:
        """A poll was answered; `claimed`: with tasks that had been queued."""
        result = "empty" if not tasks else "hit" if claimed else "sync"
        self.polls.of(namespace, queue, result).add()
        if tasks:
            self.poll_batch.of(namespace, queue).observe(tasks)

    def timer_fired(self, lag_s: float) -> None:
        """A timer did what it was set for, so long after its moment."""
        self.timers_fired.of().add()
        self.timer_lag.of().observe(max(0.0, lag_s))

    def called(self, method: str, code: str, took_s: float) -> None:
        """A gRPC call is over."""
        self.calls.of(method, code).observe(took_s)

    def requested(self, route: str, method: str, status: int, took_s: float) -> None:
        """An HTTP request is over; `route` is the pattern, never the path that came."""
        self.requests.of(route, method, str(status)).observe(took_s)

    def reading(self, kind: str, more: int) -> None:
        """A live stream of a kind (sse, websocket, watch) has opened (1) or is gone (-1)."""
        self.live_readers.of(kind).add(more)

    def _run_started(self, workflow: Workflow) -> None:
        number = self._started.get(workflow.id)
        if number is None:
            _trim(self._started)
            number = self._started[workflow.id] = self.runs_started.of(workflow.namespace, workflow.name)
        number.add()

    def _run_ended(self, run: RunView) -> None:
        workflow = run.workflow
        self.runs_finished.of(workflow.namespace, workflow.name, run.state.name.lower()).add()
        if run.ended_at is not None:
            spread = self._durations.get(workflow.id)
            if spread is None:
                _trim(self._durations)
                spread = self._durations[workflow.id] = self.run_duration.of(workflow.namespace, workflow.name)
            spread.observe((run.ended_at - run.created_at) / SECOND)

    def _attempt(self, run: RunView, event: Event) -> None:
        if not event.attempt:
            return
        decision = run.workflow.definition.decision
        if event.type is EventType.DECISION_FAILED and decision is not None:
            self._failed(run.workflow, decision, event)
            return
        step: StepView | None = run.steps.get(event.step)
        if step is None or step.definition.kind is not StepKind.ACTION:
            return
        workflow, definition = run.workflow, step.definition
        tasks = self._tasks_of(workflow, definition)
        if event.started_at is not None:
            tasks.took.observe((event.at - event.started_at) / SECOND)
            # Another attempt may have been scheduled in this very commit.
            if step.ready_at is not None and step.ready_at <= event.started_at:
                tasks.waited.observe((event.started_at - step.ready_at) / SECOND)
        if event.type is EventType.STEP_SUCCEEDED:
            tasks.succeeded.add()
        else:
            self._failed(workflow, definition, event)

    def _tasks_of(self, workflow: Workflow, definition: StepDefinition) -> _Tasks:
        lane = workflow.lanes[definition.index] if definition.lane is None else definition.lane
        tasks = self._tasks.get((workflow.namespace_id, lane))
        if tasks is None:
            _trim(self._tasks)
            labels = (workflow.namespace, definition.queue, definition.action)
            tasks = self._tasks[workflow.namespace_id, lane] = _Tasks(
                self.schedule_to_start.of(*labels),
                self.execution.of(*labels),
                self.attempts.of(*labels, "succeeded", ""),
            )
        return tasks

    def _failed(self, workflow: Workflow, definition: StepDefinition, event: Event) -> None:
        labels = (workflow.namespace, definition.queue, definition.action)
        failure = event.failure
        self.attempts.of(*labels, _OUTCOMES[event.type], failure.type if failure is not None else "").add()
        if failure is not None and _lease_lost(failure):
            self.leases_expired.of(*labels).add()

    def _decided(self, run: RunView) -> None:
        decision = run.workflow.definition.decision
        if decision is not None:
            labels = (run.workflow.namespace, decision.queue, decision.action)
            self.attempts.of(*labels, "succeeded", "").add()


class Families(Collector):
    """What a registry collects: the metrics that were gathered for one answer."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        yield from self._families


def _trim(held: dict[Any, Any]) -> None:
    """Begin anew with what is only held to find it sooner."""
    if len(held) >= _MOST_HELD:
        held.clear()


def _lease_lost(failure: Failure) -> bool:
    return failure.category is Category.WORKER_LOST and failure.type in _LOST
