"""Ids of spans are derived: equal on every server of a cluster, different on every other."""

from __future__ import annotations

import json

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON, ParentBased, Sampler, TraceIdRatioBased

from stellwerk_server.telemetry.identity import Identity

CONTEXT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"


def identity(secret: bytes = b"secret", sampler: Sampler = DEFAULT_ON) -> Identity:
    return Identity(secret, sampler)


def test_two_servers_of_a_cluster_agree_and_two_clusters_do_not() -> None:
    first, second, other = identity(), identity(), identity(b"another")
    assert first.task_trace(7, "s", 1, None) == second.task_trace(7, "s", 1, None)
    assert first.run_trace(7, None).trace_id != other.run_trace(7, None).trace_id


def test_no_two_things_share_an_id() -> None:
    of = identity().run_trace(7, None)
    places = [(7, "", 0), (8, "", 0), (7, "s", 0), (7, "s", 1), (7, "s", 2), (7, "s[1]", 1), (7, "s[11]", 0)]
    assert len({identity().context(of, *place).span_id for place in places}) == len(places)


@pytest.mark.parametrize(("flags", "sampled"), [("01", True), ("00", False), ("03", True), ("02", False)])
def test_the_flag_of_the_parent_is_respected(flags: str, sampled: bool) -> None:
    trace = json.dumps({"traceparent": CONTEXT + flags, "tracestate": "a=b"})
    assert identity().run_trace(7, trace).sampled is sampled
    carried = identity().task_trace(7, "s", 1, trace)
    assert carried["tracestate"] == "a=b"
    assert carried["traceparent"].startswith(CONTEXT[:36])
    assert carried["traceparent"].endswith(flags)


def test_a_run_without_a_parent_is_sampled_as_a_whole() -> None:
    half = identity(sampler=ParentBased(TraceIdRatioBased(0.5)))
    chosen = [half.run_trace(run_id, None).sampled for run_id in range(200)]
    assert 50 < sum(chosen) < 150
    assert chosen == [half.run_trace(run_id, None).sampled for run_id in range(200)]
    assert not identity(sampler=ALWAYS_OFF).run_trace(7, None).sampled


@pytest.mark.parametrize("text", ["", "nonsense", CONTEXT, "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_what_is_no_trace_context_is_none(text: str) -> None:
    of = identity().run_trace(7, json.dumps({"traceparent": text}))
    assert of == identity().run_trace(7, None)
    assert of.parent is None
