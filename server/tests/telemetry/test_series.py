"""Series: they count right, and there is an end to how many there may be."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from stellwerk_server.telemetry import series
from stellwerk_server.telemetry.metrics import Families, Metrics
from stellwerk_server.telemetry.series import OTHER, Counters, Gauges, Histograms


def test_what_comes_after_so_many_values_is_other() -> None:
    attempts = Counters("attempts", "…", ("action", "error_type"))
    for number in range(5_000):
        attempts.of("a", f"Error{number}").add()
    counted = {values: number.value for values, number in attempts.items()}
    most = series.MOST_VALUES["error_type"]
    assert len(counted) == most + 1
    assert counted["a", OTHER] == 5_000 - most
    assert sum(counted.values()) == 5_000


def test_a_value_that_is_known_stays_when_others_are_too_many() -> None:
    attempts = Counters("attempts", "…", ("error_type",))
    for number in range(1_000):
        attempts.of(f"Error{number}")
    attempts.of("Error3").add()
    attempts.of("Error999").add()
    counted = {values[0]: number.value for values, number in attempts.items()}
    assert (counted["Error3"], counted[OTHER]) == (1, 1)


def test_all_labels_together_have_a_bound_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MOST_SERIES", 10)
    depth = Gauges("depth", "…", ("queue", "action"))
    for number in range(50):
        depth.of(f"q{number % 7}", f"a{number}").add()
    counted = {values: number.value for values, number in depth.items()}
    assert len(counted) == 11
    assert counted[OTHER, OTHER] == 40


@given(st.lists(st.floats(min_value=0, max_value=20, allow_nan=False)))
def test_a_histogram_counts_as_prometheus_own_does(values: list[float]) -> None:
    bounds = (0.1, 1.0, 5.0)
    ours, theirs = Histograms("took", "…", bounds), Histogram("took", "…", buckets=bounds, registry=None)
    for value in values:
        ours.of().observe(value)
        theirs.observe(value)
    ours.of()
    expected = {(s.name, s.labels.get("le")): s.value for m in theirs.collect() for s in m.samples}
    counted = {(s.name, s.labels.get("le")): s.value for s in ours.collect().samples}
    for key, value in counted.items():
        assert math.isclose(value, expected[key]), key


def test_both_texts_can_be_read_back() -> None:
    metrics = Metrics("0.1.0")
    metrics.polled("default", 'q"uo\\te\n', 3, claimed=True)
    metrics.called("StartRun", "OK", 0.002)
    metrics.requested("/api/runs", "GET", 200, 0.002)
    metrics.transaction(7, 0.01, 1)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families(metrics.collect()))
    plain = {m.name: m for m in read_text(generate_latest(registry).decode())}
    text = openmetrics(registry).decode()  # type: ignore[no-untyped-call]  # the library's
    strict = {m.name: m for m in read_openmetrics(text)}  # type: ignore[no-untyped-call]
    assert plain.keys() == strict.keys()
    polls = plain["stellwerk_polls"].samples[0]
    assert (polls.labels["queue"], polls.labels["result"], polls.value) == ('q"uo\\te\n', "hit", 1)
