"""Each SDK tells the same of its part of a trace, and a run whose steps run in all of them is one trace.

TRACED_LANGUAGES=python,node takes other languages than TRACED while somebody works on one of them."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import pytest

from tests.conformance import programs
from tests.support.otlp import Received
from tests.telemetry.conftest import Scene
from tests.telemetry.test_one_trace import nothing_twice, one, start, trace_of

# The languages whose SDK makes spans.
TRACED = ("python", "node", "java")
LANGUAGES = tuple(filter(None, os.environ.get("TRACED_LANGUAGES", "").split(","))) or TRACED


class Workers:
    """One traced interpreter a language, started when a test first needs it; each serves a queue of its own."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._latches = scene.folder / "latches"
        self._latches.mkdir()
        self.need = cache(self._start)

    def _start(self, language: str) -> str:
        environment = self._scene.receiver.environment(
            STELLWERK_ADDRESS=self._scene.address,
            OTEL_SERVICE_NAME=language,
            CONFORMANCE_FOLDER=str(self._latches),
            CONFORMANCE_QUEUE=f"of-{language}",
            CONFORMANCE_WORKER_ID=f"one-of-{language}",
        )
        self._scene.run(programs.worker(language, environment, self._scene.folder / f"{language}.log"))
        return f"of-{language}"


@pytest.fixture(scope="session")
def workers(traced: Scene) -> Workers:
    """The interpreters of these tests."""
    return Workers(traced)


def performs(workers: Workers, language: str, step: str, **more: Any) -> dict[str, Any]:
    """A step whose worker is of that language."""
    return {"id": step, "action": "perform", "queue": workers.need(language), "input": "${input}", **more}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_worker_tells_of_its_tasks(traced: Scene, workers: Workers, language: str) -> None:
    name = f"told-{language}"
    traced.apply(name, [performs(workers, language, "s", retry={"max_attempts": 2})])
    program = '{"do": [{"op": "fail", "kind": "plain", "message": "no", "upto": 1}, {"op": "context"}]}'
    run_id = start(traced, name, program)
    spans = trace_of(traced, run_id)
    nothing_twice(spans)
    works = [one(spans, "process perform", "s", n) for n in (1, 2)]
    assert [w.parent for w in works] == [one(spans, "attempt s", "s", n).id for n in (1, 2)]
    assert [(w.failed, w.attributes.get("error.type")) for w in works] == [(True, "Boom"), (False, None)]
    assert {(w.service, w.scope, w.kind) for w in works} == {(language, "stellwerk", "CONSUMER")}
    assert works[1].attributes == {
        "messaging.system": "stellwerk",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": f"of-{language}",
        "messaging.message.conversation_id": run_id,
        "messaging.message.id": f"{run_id}/s/2",
        "messaging.client.id": f"one-of-{language}",
        "stellwerk.namespace": "default",
        "stellwerk.workflow.name": name,
        "stellwerk.run.id": run_id,
        "stellwerk.step.id": "s",
        "stellwerk.attempt": 2,
        "stellwerk.action": "perform",
        "stellwerk.worker.id": f"one-of-{language}",
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_polls_and_results_are_linked_to_their_tasks(traced: Scene, workers: Workers, language: str) -> None:
    name = f"linked-{language}"
    traced.apply(name, [performs(workers, language, "s")])
    spans = trace_of(traced, start(traced, name, '{"do": [{"op": "context"}]}'))
    about = [one(spans, "attempt s", "s", 1), one(spans, "process perform", "s", 1)]
    told = [span for place in about for span in linked_to(traced, place)]
    assert [(s.name, s.service, s.kind, s.parent) for s in told] == [
        (f"poll of-{language}", language, "CLIENT", ""),
        (f"complete of-{language}", language, "CLIENT", ""),
    ]
    operations = [(s.attributes["messaging.operation.name"], s.attributes["messaging.operation.type"]) for s in told]
    assert operations == [("poll", "receive"), ("complete", "settle")]
    assert {s.attributes["messaging.batch.message_count"] for s in told} == {1}
    assert {s.attributes["messaging.client.id"] for s in told} == {f"one-of-{language}"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_handler_starts_belongs_to_its_task(traced: Scene, workers: Workers, language: str) -> None:
    outer, inner = f"outer-{language}", f"inner-{language}"
    traced.apply(inner, [{"id": "s", "action": "plain"}])
    traced.apply(outer, [performs(workers, language, "o")])
    call = f'{{"op": "client", "call": "start", "with": {{"workflow": "{inner}"}}}}'
    spans = trace_of(traced, start(traced, outer, f'{{"do": [{call}, {{"op": "outcomes"}}]}}'))
    traced.receiver.until(lambda came: [s for s in came if s.name in (f"run {inner}", f"start {inner}")][1:])
    spans = traced.receiver.of(spans[0].trace)
    begun, run = one(spans, f"start {inner}"), one(spans, f"run {inner}")
    assert (begun.parent, begun.kind) == (one(spans, "process perform", "o", 1).id, "PRODUCER")
    assert run.parent == begun.id
    assert begun.attributes == {
        "messaging.system": "stellwerk",
        "messaging.operation.name": "start",
        "messaging.operation.type": "send",
        "messaging.destination.name": inner,
        "messaging.message.conversation_id": run.attributes["stellwerk.run.id"],
        "stellwerk.namespace": "default",
        "stellwerk.workflow.name": inner,
        "stellwerk.run.id": run.attributes["stellwerk.run.id"],
    }


def test_a_run_over_all_languages_is_one_trace(traced: Scene, workers: Workers) -> None:
    steps: list[dict[str, Any]] = []
    for language in LANGUAGES:
        needs = {"needs": [steps[-1]["id"]]} if steps else {}
        steps.append(performs(workers, language, f"in-{language}", **needs))
    traced.apply("polyglot", steps)
    spans = trace_of(traced, start(traced, "polyglot", '{"do": [{"op": "context"}]}'))
    nothing_twice(spans)
    run = one(spans, "run polyglot")
    assert run.parent == one(spans, "start polyglot").id
    for language in LANGUAGES:
        key = f"in-{language}"
        step, attempt = one(spans, f"step {key}", key), one(spans, f"attempt {key}", key, 1)
        work = one(spans, "process perform", key, 1)
        assert (work.service, work.parent, attempt.parent, step.parent) == (language, attempt.id, step.id, run.id)
    assert len(spans) == 2 + 3 * len(LANGUAGES)


def linked_to(scene: Scene, span: Received) -> list[Received]:
    """The spans linked to this one that are no attempts."""
    found: list[Received] = scene.receiver.until(
        lambda came: [s for s in came if span.place in s.links and not s.name.startswith("attempt ")]
    )
    return found
