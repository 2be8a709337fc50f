"""`/metrics`: what this server has counted, what the database says of the cluster, and what sibling servers counted.

Answers also while the database is away, with what there is. Counts nothing itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from stellwerk_server.model.states import RunState
from stellwerk_server.store import gauges
from stellwerk_server.store.database import GONE, Pool
from stellwerk_server.store.gauges import Cluster
from stellwerk_server.telemetry.metrics import Families, Metrics
from stellwerk_server.web.calls import answer
from stellwerk_server.web.problems import method_not_allowed
from stellwerk_server.web.siblings import Siblings

# The cluster is looked at at most so often, however many ask; what is older than this is not shown.
_FRESH_S = 5.0
_OLD_S = 60.0
_WAIT_S = 3.0
_TASK = ("namespace", "queue", "action")
_OPEN_STATES = (RunState.RUNNING, RunState.BLOCKED)


class Exposition:
    """Gathers one answer after the other."""

    def __init__(
        self,
        metrics: Metrics,
        pool: Pool,
        siblings: tuple[Path, str] | None = None,
    ) -> None:
        self._metrics = metrics
        self._pool = pool
        self._siblings = None if siblings is None else Siblings(*siblings, self._own_text)
        self._cluster: dict[str, list[Any]] = {}
        self._read_at_s = -_OLD_S
        self._looked_at_s = -_FRESH_S
        self._looking = asyncio.Lock()
        self._up = True

    async def start(self) -> None:
        """Be there for sibling servers."""
        if self._siblings is not None:
            await self._siblings.start()

    async def stop(self) -> None:
        """Be gone."""
        if self._siblings is not None:
            await self._siblings.stop()

    async def exposition(self, accept: str) -> tuple[str, bytes]:
        """The content type, by what the Accept header asks for, and the text."""
        await self._look()
        families = [*self._counted(), *self._of_cluster()]
        if self._siblings is not None:
            families = _with_siblings(families, self._siblings.place, await self._siblings.others())
        encode, content_type = choose_encoder(accept)
        return content_type, encode(_registry(families))

    def _own_text(self) -> bytes:
        return bytes(generate_latest(_registry(self._counted())))

    def _counted(self) -> Iterator[Metric]:
        """What only this server knows."""
        yield from self._metrics.collect()
        stats = self._pool.get_stats()
        waits = SummaryMetricFamily("stellwerk_db_pool_wait_seconds", "Waits for a connection for reads.", labels=())
        waits.add_metric((), stats.get("requests_num", 0), stats.get("requests_wait_ms", 0) / 1000)
        yield waits
        up = GaugeMetricFamily("stellwerk_database_up", "Whether the database answered the last look.", labels=())
        up.add_metric((), int(self._up))
        yield up

    async def _look(self) -> None:
        """Read the database unless that was done a moment ago; callers that come together share one look."""
        async with self._looking:
            now_s = time.monotonic()
            if now_s - self._looked_at_s < _FRESH_S and self._up:
                return
            self._looked_at_s = now_s
            try:
                async with asyncio.timeout(_WAIT_S), self._pool.connection(timeout=_WAIT_S) as connection:
                    self._take(await gauges.read(connection))
                    self._up = True
            except GONE:
                self._up = False

    def _take(self, cluster: Cluster) -> None:
        """Remember what was counted; what took too long stays as it was."""
        self._read_at_s = time.monotonic()
        for name in ("open_runs", "blocked", "stalled", "lanes", "dead", "working"):
            counted = getattr(cluster, name)
            if counted is not None:
                self._cluster[name] = counted

    def _of_cluster(self) -> Iterator[Metric]:
        """What every server would say; nothing while the database is away."""
        if not self._up or time.monotonic() - self._read_at_s > _OLD_S:
            return
        for family, read in _CLUSTER:
            yield _gauge(*family, read(self._cluster))


class Scrape:
    """`GET /metrics`."""

    def __init__(self, exposition: Exposition) -> None:
        self._exposition = exposition

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["method"] not in ("GET", "HEAD"):
            raise method_not_allowed(scope["method"], scope["path"], "GET, HEAD")
        accept = b",".join(value for name, value in scope["headers"] if name == b"accept").decode("latin-1")
        content_type, text = await self._exposition.exposition(accept)
        await answer(send, 200, text, content_type.encode())


def _open_runs(read: Mapping[str, list[Any]]) -> Iterator[tuple[tuple[str, ...], float]]:
    counted = {(each.namespace, RunState(each.state)): each.count for each in read.get("open_runs", ())}
    for namespace in sorted({namespace for namespace, _ in counted}):
        for state in _OPEN_STATES:
            yield (namespace, state.name.lower()), counted.get((namespace, state), 0)


def _slots(read: Mapping[str, list[Any]]) -> Iterator[tuple[tuple[str, ...], float]]:
    for each in read.get("working", ()):
        yield (each.namespace, each.queue, "used"), each.used
        yield (each.namespace, each.queue, "free"), each.slots - each.used


_Rows = Iterable[tuple[tuple[str, ...], float]]
_CLUSTER: list[tuple[tuple[str, str, tuple[str, ...]], Callable[[Mapping[str, list[Any]]], _Rows]]] = [
    (("stellwerk_runs_open", "Runs that have not ended.", ("namespace", "state")), _open_runs),
    (
        ("stellwerk_runs_blocked", "Blocked runs by reason.", ("namespace", "reason")),
        lambda read: [((e.namespace, e.reason), e.count) for e in read.get("blocked", ())],
    ),
    (
        ("stellwerk_runs_stalled", "Open runs nothing will move.", ("namespace",)),
        lambda read: [((e.namespace,), e.count) for e in read.get("stalled", ())],
    ),
    (
        ("stellwerk_task_queue_depth", "Tasks ready and not handed out.", _TASK),
        lambda read: [((e.namespace, e.queue, e.action), e.ready) for e in read.get("lanes", ())],
    ),
    (
        ("stellwerk_task_queue_oldest_age_seconds", "How long the oldest ready task has waited.", _TASK),
        lambda read: [((e.namespace, e.queue, e.action), e.age_s) for e in read.get("lanes", ())],
    ),
    (
        ("stellwerk_tasks_dead", "Open dead letters.", _TASK),
        lambda read: [((e.namespace, e.queue, e.action), e.dead) for e in read.get("dead", ())],
    ),
    (
        ("stellwerk_workers", "Live workers.", ("namespace", "queue")),
        lambda read: [((e.namespace, e.queue), e.workers) for e in read.get("working", ())],
    ),
    (("stellwerk_worker_slots", "Tasks workers can hold.", ("namespace", "queue", "state")), _slots),
]


def _gauge(name: str, about: str, labels: tuple[str, ...], read: _Rows) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for values, value in read:
        family.add_metric(values, value)
    return family


def _registry(families: Iterable[Metric]) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families(families))
    return registry


def _with_siblings(families: Iterable[Metric], place: str, others: Mapping[str, bytes]) -> list[Metric]:
    """The same, with what each server counted under its number; the cluster's figures, which are one, without."""
    of_cluster = {family[0] for family, _ in _CLUSTER}
    merged = {family.name: family for family in families}
    for family in merged.values():
        if family.name not in of_cluster:
            family.samples = [_numbered(sample, place) for sample in family.samples]
    for number, text in others.items():
        for family in text_string_to_metric_families(text.decode()):
            samples = [_numbered(sample, number) for sample in family.samples]
            if family.name in merged:
                merged[family.name].samples.extend(samples)
            else:
                family.samples = samples
                merged[family.name] = family
    return list(merged.values())


def _numbered(sample: Any, number: str) -> Any:
    return sample._replace(labels={**sample.labels, "server": number})
