"""One run is one trace: client, server and worker, with the right parents, links and attributes, nothing twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

import pytest

from tests.support.otlp import Received
from tests.telemetry.conftest import Scene


def start(scene: Scene, workflow: str, value: str = "null") -> str:
    """Start a run as a traced client; gives its id."""
    environment = scene.receiver.environment(OTEL_SERVICE_NAME="client")
    done = scene.cli("run", "start", workflow, "--input", value, "--json", environment=environment)
    assert done.out, done.err
    return str(done.document["run_id"])


def trace_of(scene: Scene, run_id: str) -> list[Received]:
    """The spans of the run's trace, once it is whole."""

    def look(spans: Iterable[Received]) -> str:
        about = [s for s in spans if s.attributes.get("stellwerk.run.id") == run_id and s.name.startswith("run ")]
        return about[0].trace if about else ""

    trace = scene.receiver.until(look)
    scene.receiver.until(lambda spans: is_whole([s for s in spans if s.trace == trace]))
    return scene.receiver.of(trace)


def is_whole(spans: list[Received]) -> bool:
    """Every parent is there, and the work of every attempt: the programs send on their own."""
    ids, parents = {span.id for span in spans} | {""}, {span.parent for span in spans}
    worked = all(span.id in parents for span in spans if span.name.startswith("attempt "))
    return worked and all(span.parent in ids for span in spans)


def one(spans: Iterable[Received], name: str, step: str = "", attempt: int = 0) -> Received:
    """The one span of that name, step and attempt."""
    found = [span for span in spans if (span.name, span.step, span.attempt) == (name, step, attempt)]
    assert len(found) == 1, f"{name} {step} {attempt}: {len(found)} of them"
    return found[0]


def nothing_twice(spans: Iterable[Received]) -> None:
    """No span came twice, and no two tell of the same."""
    about = Counter((span.name, span.step, span.attempt) for span in spans if not span.name.startswith("user "))
    assert [what for what, times in about.items() if times > 1] == []


def test_a_run_with_retries_items_and_a_sleep_is_one_trace(traced: Scene) -> None:
    traced.apply(
        "all",
        [
            {"id": "a", "action": "flaky", "retry": {"max_attempts": 3, "initial": "10ms"}},
            {"id": "b", "action": "plain", "needs": ["a"], "foreach": [1, 2, 3]},
            {"id": "c", "needs": ["b"], "sleep": "20ms"},
        ],
    )
    run_id = start(traced, "all")
    spans = trace_of(traced, run_id)
    nothing_twice(spans)
    begun, run = one(spans, "start all"), one(spans, "run all")
    assert (begun.service, begun.kind, begun.parent) == ("client", "PRODUCER", "")
    assert (run.service, run.kind, run.parent) == ("stellwerk-server", "INTERNAL", begun.id)
    assert run.attributes["stellwerk.run.state"] == "SUCCEEDED"
    steps = {key: one(spans, f"step {key[0]}", key) for key in ("a", "b", "b[0]", "b[1]", "b[2]", "c")}
    assert {key: step.parent for key, step in steps.items()} == {
        **dict.fromkeys("abc", run.id),
        **{f"b[{n}]": steps["b"].id for n in range(3)},
    }
    tried = [one(spans, "attempt a", "a", n) for n in (1, 2, 3)]
    assert [attempt.links for attempt in tried] == [(), (tried[0].place,), (tried[1].place,)]
    assert [attempt.failed for attempt in tried] == [True, True, False]
    assert [attempt.attributes.get("error.type") for attempt in tried] == ["RetryableError", "RetryableError", None]
    for attempt in [*tried, *(one(spans, "attempt b", f"b[{n}]", 1) for n in range(3))]:
        assert attempt.parent == steps[attempt.step].id
        work = one(spans, f"process {attempt.attributes['stellwerk.action']}", attempt.step, attempt.attempt)
        assert (work.service, work.kind, work.parent) == ("worker", "CONSUMER", attempt.id)
        assert work.failed is attempt.failed
        assert steps[attempt.step].start_ns <= attempt.start_ns <= attempt.end_ns <= steps[attempt.step].end_ns
    assert len([span for span in spans if span.name.startswith("attempt ")]) == 6
    assert run.start_ns <= min(step.start_ns for step in steps.values())
    assert {span.scope for span in spans if not span.name.startswith("user ")} == {"stellwerk"}


def test_spans_have_the_attributes_of_messaging_and_our_own(traced: Scene) -> None:
    traced.apply("named", [{"id": "s", "action": "plain"}])
    run_id = start(traced, "named")
    spans = trace_of(traced, run_id)
    about = {
        "stellwerk.namespace": "default",
        "stellwerk.workflow.name": "named",
        "stellwerk.run.id": run_id,
    }
    told = {
        **about,
        "messaging.system": "stellwerk",
        "messaging.message.conversation_id": run_id,
    }
    task = {"stellwerk.step.id": "s", "stellwerk.action": "plain"}
    who = {"stellwerk.worker.id": "traced-worker"}
    assert one(spans, "start named").attributes == {
        **told,
        "messaging.operation.name": "start",
        "messaging.operation.type": "send",
        "messaging.destination.name": "named",
    }
    assert one(spans, "process plain", "s", 1).attributes == {
        **told,
        **task,
        **who,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "traced",
        "messaging.message.id": f"{run_id}/s/1",
        "messaging.client.id": "traced-worker",
        "stellwerk.attempt": 1,
    }
    version = {"stellwerk.workflow.version": 1}
    state = {"stellwerk.step.state": "SUCCEEDED"}
    assert one(spans, "run named").attributes == {**about, **version, "stellwerk.run.state": "SUCCEEDED"}
    assert one(spans, "step s", "s").attributes == {**about, **version, **task, **state}
    assert one(spans, "attempt s", "s", 1).attributes == {**about, **version, **task, **who, "stellwerk.attempt": 1}


def test_polls_and_results_are_linked_to_what_they_carry(traced: Scene) -> None:
    traced.apply("linked", [{"id": "s", "action": "plain"}])
    spans = trace_of(traced, start(traced, "linked"))
    work, attempt = one(spans, "process plain", "s", 1), one(spans, "attempt s", "s", 1)
    poll = traced.receiver.until(lambda came: [s for s in came if s.links == (attempt.place,)])
    complete = traced.receiver.until(lambda came: [s for s in came if s.links == (work.place,)])
    assert [(s.name, s.kind, s.parent, s.attributes["messaging.operation.type"]) for s in [*poll, *complete]] == [
        ("poll traced", "CLIENT", "", "receive"),
        ("complete traced", "CLIENT", "", "settle"),
    ]
    assert {s.attributes["messaging.batch.message_count"] for s in [*poll, *complete]} == {1}
    calls = [s for s in traced.receiver.spans if "rpc.system" in s.attributes and s.trace == complete[0].trace]
    assert {(s.service, s.kind) for s in calls} == {("worker", "CLIENT"), ("stellwerk-server", "SERVER")}
    assert not [s for s in traced.receiver.spans if "PollTask" in s.name or "Heartbeat" in s.name]


@pytest.mark.parametrize("action", ["plain", "threaded", "chunks", "chunks_threaded"])
def test_spans_of_the_user_are_children_of_the_task_in_every_kind_of_handler(traced: Scene, action: str) -> None:
    traced.apply(f"user-{action}", [{"id": "s", "action": action}])
    run_id = start(traced, f"user-{action}")
    spans = trace_of(traced, run_id)
    own = [span for span in spans if span.name == "user s"]
    assert {span.parent for span in own} == {one(spans, f"process {action}", "s", 1).id}
    assert len(own) == (2 if action.startswith("chunks") else 1)


@pytest.mark.parametrize("action", ["starts", "starts_threaded"])
def test_a_run_started_by_a_handler_belongs_to_the_trace_of_its_task(traced: Scene, action: str) -> None:
    traced.apply("child", [{"id": "s", "action": "plain"}])
    traced.apply("outer", [{"id": "o", "action": action}])
    spans = trace_of(traced, start(traced, "outer", '"child"'))
    traced.receiver.until(lambda came: [s for s in came if s.name == "run child"])
    spans = traced.receiver.of(spans[0].trace)
    assert one(spans, "start child").parent == one(spans, f"process {action}", "o", 1).id
    assert one(spans, "run child").parent == one(spans, "start child").id


def test_failed_and_cancelled_steps_are_told_of(traced: Scene) -> None:
    once = {"max_attempts": 1}
    traced.apply(
        "ends",
        [
            {"id": "over", "action": "fails", "retry": once, "on_failure": "continue"},
            {"id": "held", "action": "hold"},
            {"id": "last", "action": "fails", "retry": {"max_attempts": 2, "initial": "500ms", "jitter": 0}},
            {"id": "never", "action": "plain", "needs": ["last"]},
        ],
    )
    spans = trace_of(traced, start(traced, "ends"))
    nothing_twice(spans)
    run = one(spans, "run ends")
    assert (run.failed, run.attributes["error.type"], run.message) == (True, "ValueError", "never")
    assert {s.step: s.attributes["stellwerk.step.state"] for s in spans if s.name.startswith("step ")} == {
        "over": "DEAD",
        "held": "CANCELLED",
        "last": "DEAD",
    }
    assert {(s.step, s.attempt): s.failed for s in spans if s.name.startswith("attempt ")} == {
        ("over", 1): True,
        ("held", 1): False,
        ("last", 1): True,
        ("last", 2): True,
    }


def test_a_parked_step_is_told_of_once_it_has_ended(traced: Scene) -> None:
    traced.apply("parks", [{"id": "s", "action": "fails", "retry": {"max_attempts": 1}, "on_failure": "park"}])
    run_id = start(traced, "parks")
    of_run = {"stellwerk.run.id": run_id}.items()

    def tried(attempt: int) -> Callable[[list[Received]], list[Received]]:
        return lambda came: [s for s in came if of_run <= s.attributes.items() and s.attempt == attempt]

    traced.receiver.until(tried(1))
    letters = traced.cli("dead-letters", "list", "--json", environment={}).documents
    letter = next(letter for letter in letters if letter["run_id"] == run_id)
    again = traced.cli("dead-letters", "requeue", letter["dead_letter_id"], environment={})
    assert again.status == 0, again.err
    traced.receiver.until(lambda came: {"attempt s", "process fails"} <= {s.name for s in tried(2)(came)})
    assert not [s for s in traced.receiver.spans if of_run <= s.attributes.items() and s.name == "step s"]
    assert traced.cli("run", "cancel", run_id, environment={}).status == 0
    spans = trace_of(traced, run_id)
    nothing_twice(spans)
    assert one(spans, "step s", "s").failed
    assert not one(spans, "run parks").failed
    assert one(spans, "run parks").attributes["stellwerk.run.state"] == "CANCELLED"
    assert one(spans, "attempt s", "s", 2).links == (one(spans, "attempt s", "s", 1).place,)


def test_a_fork_is_linked_to_the_run_it_was_forked_from(traced: Scene) -> None:
    traced.apply("forked", [{"id": "a", "action": "plain"}, {"id": "b", "action": "plain", "needs": ["a"]}])
    run_id = start(traced, "forked")
    source = one(trace_of(traced, run_id), "run forked")
    done = traced.cli("run", "retry", run_id, "--from-step", "b", "--json", environment={})
    assert done.status == 0, done.err
    fork = traced.receiver.until(lambda came: [s for s in came if s.name == "run forked" and s.id != source.id])[0]
    assert fork.links == (source.place,)
    told = [s for s in traced.receiver.of(fork.trace) if s.attributes.get("stellwerk.run.id") != run_id]
    assert sorted(s.name for s in told if s.service == "stellwerk-server") == ["attempt b", "run forked", "step b"]


def test_a_child_run_stands_below_the_step_that_started_it(traced: Scene) -> None:
    traced.apply("below", [{"id": "a", "action": "plain"}])
    traced.apply("above", [{"id": "child", "workflow": "below"}])
    spans = trace_of(traced, start(traced, "above"))
    assert one(spans, "run below").parent == one(spans, "step child", "child").id
    assert one(spans, "step a", "a").parent == one(spans, "run below").id
    nothing_twice(spans)


def test_log_records_of_a_handler_name_the_trace(traced: Scene) -> None:
    traced.apply("logged", [{"id": "s", "action": "plain"}])
    run_id = start(traced, "logged")
    trace = trace_of(traced, run_id)[0].trace
    assert re.search(f"run={run_id} step=s attempt=1 trace={trace};", (traced.folder / "worker.log").read_text())
