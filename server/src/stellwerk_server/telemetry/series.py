"""Counters, gauges and histograms that cost next to nothing: plain numbers of one thread, read when somebody asks.

The number of series is bounded here: a label takes so many values, and what comes after is "other".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

OTHER = "other"
# What a label may take; those that are not named here have small fixed sets of values.
MOST_VALUES = {"namespace": 200, "queue": 200, "action": 500, "workflow": 500, "error_type": 100, "route": 200}
MOST_SERIES = 5_000


class Number:
    """A counter or a gauge."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def add(self, amount: float = 1) -> None:
        """Count, or take back."""
        self.value += amount


class Spread:
    """A histogram of one series."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


Child = TypeVar("Child")


class Family(Generic[Child]):
    """All series of one name. Hold on to what `of` gives where it is needed often."""

    def __init__(self, name: str, about: str, labels: Sequence[str], make: Callable[[], Child]) -> None:
        self.name = name
        self.about = about
        self.labels = tuple(labels)
        self._make = make
        self._children: dict[tuple[str, ...], Child] = {}
        self._known: dict[str, set[str]] = {label: set() for label in labels}

    def of(self, *values: str) -> Child:
        """The series with these values of the labels."""
        child = self._children.get(values)
        if child is None:
            bounded = tuple(map(self._bounded, self.labels, values))
            if bounded not in self._children and len(self._children) >= MOST_SERIES:
                bounded = (OTHER,) * len(self.labels)
            child = self._children.get(bounded)
            if child is None:
                child = self._children[bounded] = self._make()
        return child

    def items(self) -> Iterator[tuple[tuple[str, ...], Child]]:
        """Every series there is."""
        yield from self._children.items()

    def _bounded(self, label: str, value: str) -> str:
        known = self._known[label]
        if value not in known:
            if len(known) >= MOST_VALUES.get(label, MOST_SERIES):
                return OTHER
            known.add(value)
        return value


def _edge(bound: float) -> str:
    """How Prometheus writes a bound: always with a point."""
    return str(float(bound))


class Counters(Family[Number]):
    """Numbers that only grow; the name is without `_total`."""

    def __init__(self, name: str, about: str, labels: Sequence[str] = ()) -> None:
        super().__init__(name, about, labels, Number)

    def collect(self) -> Metric:
        """As Prometheus knows them."""
        family = CounterMetricFamily(self.name, self.about, labels=self.labels)
        for values, number in self.items():
            family.add_metric(values, number.value)
        return family


class Gauges(Family[Number]):
    """Numbers that go up and down."""

    def __init__(self, name: str, about: str, labels: Sequence[str] = ()) -> None:
        super().__init__(name, about, labels, Number)

    def collect(self) -> Metric:
        """As Prometheus knows them."""
        family = GaugeMetricFamily(self.name, self.about, labels=self.labels)
        for values, number in self.items():
            family.add_metric(values, number.value)
        return family


class Histograms(Family[Spread]):
    """Distributions over fixed bounds, the last one of which is followed by +Inf."""

    def __init__(self, name: str, about: str, bounds: Sequence[float], labels: Sequence[str] = ()) -> None:
        super().__init__(name, about, labels, lambda: Spread(bounds))
        self._edges = [*map(_edge, bounds), "+Inf"]

    def collect(self) -> Metric:
        """As Prometheus knows them: each bound with all that is not above it."""
        family = HistogramMetricFamily(self.name, self.about, labels=self.labels)
        for values, spread in self.items():
            below, buckets = 0, []
            for edge, count in zip(self._edges, spread.counts, strict=True):
                below += count
                buckets.append((edge, float(below)))
            family.add_metric(values, buckets, spread.total)
        return family
