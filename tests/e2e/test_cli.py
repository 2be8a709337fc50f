"""Every command that talks to a server, against a real one: what it prints, as JSON and for people, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from stellwerk import Run, Worker
from tests.e2e.conftest import Define, ask
from tests.support.programs import wait_until
from tests.support.servers import STELLWERK, RunningServer, clean_environment, stellwerk

ECHO = "{id: echo, action: test.echo}"
FAIL = "{id: fail, action: test.fail}"
HOLD = "{id: hold, action: test.hold}"
NOBODY = "{id: lonely, action: test.nobody}"


def run_of(server: RunningServer, run_id: str) -> Run:
    return ask(server, lambda client: client.handle(run_id).get(include_steps=True))


def start(server: RunningServer, workflow: str, value: object = None) -> str:
    return ask(server, lambda client: client.start(workflow, value)).run_id


def ended(server: RunningServer, run_id: str, state: str) -> bool:
    return wait_until(lambda: run_of(server, run_id).state == state, 15)


def test_the_same_definition_is_applied_once(stellwerk_server: RunningServer, tmp_path: Path) -> None:
    file = tmp_path / "twice.yaml"
    file.write_text("name: twice\nsteps:\n  - {id: a, action: test.echo}\n")
    assert stellwerk_server.cli("workflow", "apply", str(file)).out == "twice version 1 registered\n"
    assert stellwerk_server.cli("workflow", "apply", str(file)).out == "twice version 1 unchanged\n"
    file.write_text("name: twice\nsteps:\n  - {id: b, action: test.echo}\n")
    again = stellwerk_server.cli("workflow", "apply", str(file), "--json").document
    assert (again["name"], again["version"], again["created"]) == ("twice", 2, True)
    versions = stellwerk_server.cli("workflow", "list", "twice", "--json").documents
    assert {version["version"]: version["current"] for version in versions} == {1: False, 2: True}
    assert "twice" in stellwerk_server.cli("workflow", "list").out
    shown = stellwerk_server.cli("workflow", "show", "twice", "--version", "1")
    assert shown.out.startswith("twice version 1\n")
    assert '"id": "a"' in shown.out


def test_validate_names_every_problem(stellwerk_server: RunningServer, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("name: bad\nsteps:\n  - {id: a, action: x, needs: [b]}\n  - {id: a, action: x, timeout: soon}\n")
    answer = stellwerk_server.cli("workflow", "validate", str(file), "--json")
    assert answer.status == 1
    assert not answer.document["valid"]
    assert len(answer.document["problems"]) >= 3
    refused = stellwerk_server.cli("workflow", "apply", str(file))
    assert refused.status == 1
    assert refused.err.startswith(f"error: {len(answer.document['problems'])} problems\n")
    file.write_text("name: good\nsteps:\n  - {id: a, action: x}\n")
    assert stellwerk_server.cli("workflow", "validate", str(file)).status == 0


@pytest.mark.usefixtures("worker")
def test_start_waits_for_the_output(stellwerk_server: RunningServer, define: Define, tmp_path: Path) -> None:
    name = define(ECHO)
    answer = stellwerk_server.cli("run", "start", name, "--input", '{"a": 12345678901234567890}', "--wait", "--json")
    assert answer.status == 0, answer.err
    assert answer.document["state"] == "SUCCEEDED"
    assert answer.document["output"] == {"a": 12345678901234567890}
    file = tmp_path / "input.json"
    file.write_text('"from a file"')
    assert stellwerk_server.cli("run", "start", name, "--input-file", str(file), "--wait").out == "from a file\n"
    piped = stellwerk_server.cli("run", "start", name, "--input-file", "-", "--wait", stdin="[1, 2]")
    assert json.loads(piped.out) == [1, 2]


@pytest.mark.usefixtures("worker")
def test_start_with_a_key_starts_once(stellwerk_server: RunningServer, define: Define) -> None:
    name = define(ECHO)
    command = ("run", "start", name, "--key", "k-1", "--json", "--input")
    first = stellwerk_server.cli(*command, "1").document
    second = stellwerk_server.cli(*command, "1").document
    assert (first["deduplicated"], second["deduplicated"]) == (False, True)
    assert first["run_id"] == second["run_id"]
    other = stellwerk_server.cli(*command, "2")
    assert other.status == 1
    assert json.loads(other.err)["error"]["reason"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.usefixtures("worker")
def test_a_failed_run_ends_with_status_1_and_its_failure(stellwerk_server: RunningServer, define: Define) -> None:
    answer = stellwerk_server.cli("run", "start", define(FAIL), "--input", "7", "--wait")
    assert answer.status == 1
    assert answer.out == ""
    assert "Refused: refused 7" in answer.err
    assert answer.err.count("\n") == 1
    assert "\x1b" not in answer.err


def test_the_deadline_of_a_run(stellwerk_server: RunningServer, define: Define) -> None:
    answer = stellwerk_server.cli("run", "start", define(NOBODY), "--timeout", "200ms", "--wait", "--json")
    assert answer.status == 1
    assert json.loads(answer.err)["error"]["reason"] == "RUN_TIMED_OUT"


def test_list_filters_by_workflow_and_state(stellwerk_server: RunningServer, define: Define) -> None:
    name = define(NOBODY)
    ids = [start(stellwerk_server, name) for _ in range(3)]
    command = ("run", "list", "--workflow", name, "--json")
    assert [run["run_id"] for run in stellwerk_server.cli(*command).documents] == ids[::-1]
    assert len(stellwerk_server.cli(*command, "--limit", "2").documents) == 2
    assert stellwerk_server.cli(*command, "--state", "succeeded").out == ""
    assert len(stellwerk_server.cli(*command, "--state", "running", "--state", "BLOCKED").documents) == 3
    table = stellwerk_server.cli("run", "list", "--workflow", name).out.splitlines()
    assert table[0].split() == ["RUN", "WORKFLOW", "STATE", "CREATED", "TOOK"]
    assert [row.split()[0] for row in table[1:]] == ids[::-1]
    assert stellwerk_server.cli("run", "list", "--workflow", "nothing").out == "no runs\n"


def test_show_says_that_nobody_serves_an_action(stellwerk_server: RunningServer, define: Define) -> None:
    run_id = start(stellwerk_server, define(NOBODY), {"a": 1})
    people = stellwerk_server.cli("run", "show", run_id).out
    assert "no worker serves action 'test.nobody'" in people
    step = stellwerk_server.cli("run", "show", run_id, "--json").document["steps"][0]
    assert (step["step"], step["state"], step["attempt"]) == ("lonely", "READY", 1)
    assert "test.nobody" in step["waiting_for"]
    queued = {queue["action"]: queue for queue in stellwerk_server.cli("queues", "--json").documents}
    assert queued["test.nobody"]["ready"] >= 1
    assert queued["test.nobody"]["workers"] == 0
    assert "test.nobody" in stellwerk_server.cli("queues").out


def test_explain_says_what_a_run_waits_for(stellwerk_server: RunningServer, define: Define) -> None:
    run_id = start(stellwerk_server, define(NOBODY, "{id: ask, signal: approval, needs: []}"), {"a": 1})
    people = stellwerk_server.cli("run", "explain", run_id).out.splitlines()
    assert people[0].startswith(f"{run_id}  RUNNING  as of 20")
    assert people[1].split() == ["CAUSE", "STEP", "BECAUSE"]
    assert people[2].split()[:2] == ["NO_WORKER", "lonely"]
    assert "no worker serves action 'test.nobody'" in people[2]
    assert people[3].split()[:2] == ["SIGNAL", "ask"]
    found = stellwerk_server.cli("run", "explain", run_id, "--json").document
    assert [(cause["kind"], cause["step"], cause["steps"]) for cause in found["causes"]] == [
        ("NO_WORKER", "lonely", 1),
        ("SIGNAL", "ask", 1),
    ]
    assert found["summary"] == f"{found['causes'][0]['sentence']} (and 1 other cause)"
    assert f"waits    {found['summary']}" in stellwerk_server.cli("run", "show", run_id).out
    assert stellwerk_server.cli("run", "explain", "run_0000000000000").status == 1


@pytest.mark.usefixtures("worker")
def test_show_shows_attempts_and_the_last_failure(stellwerk_server: RunningServer, define: Define) -> None:
    run_id = start(stellwerk_server, define(FAIL), "x")
    assert ended(stellwerk_server, run_id, "FAILED")
    people = stellwerk_server.cli("run", "show", run_id).out
    assert "DEAD" in people
    assert "1 of 4" in people
    assert "Refused: refused 'x'" in people
    assert "\x1b" not in people


def test_workers_lists_those_that_are_connected(stellwerk_server: RunningServer, worker: Worker) -> None:
    known = {each["worker_id"]: each for each in stellwerk_server.cli("workers", "--json").documents}
    assert known[worker.worker_id]["actions"] == worker.actions
    assert worker.worker_id in stellwerk_server.cli("workers").out


@pytest.mark.usefixtures("worker")
def test_watch_follows_to_a_good_end(stellwerk_server: RunningServer, define: Define) -> None:
    name = define("{id: words, action: test.stream}", '{id: each, action: test.echo, foreach: "${steps.words.output}"}')
    run_id = start(stellwerk_server, name, ["one", "two", "three"])
    people = stellwerk_server.cli("run", "watch", run_id)
    assert people.status == 0, people.err
    assert "words › one" in people.out
    assert "each: 3 of 3 items" in people.out
    assert people.out.rstrip().endswith("]")
    assert "\x1b" not in people.out
    lines = stellwerk_server.cli("run", "watch", run_id, "--json").documents
    assert [line["chunk"]["value"] for line in lines if "chunk" in line] == ["one", "two", "three"]
    sequences = [line["event"]["sequence"] for line in lines if "event" in line]
    assert sequences == list(range(1, len(sequences) + 1))
    assert lines[-1]["run"]["output"] == ["one", "two", "three"]


@pytest.mark.usefixtures("worker")
def test_watch_ends_with_status_1_when_the_run_fails(stellwerk_server: RunningServer, define: Define) -> None:
    answer = stellwerk_server.cli("run", "watch", start(stellwerk_server, define(FAIL)))
    assert answer.status == 1
    assert "Refused" in answer.out


@pytest.mark.usefixtures("worker")
def test_watch_on_a_terminal_is_a_tree_that_moves(stellwerk_server: RunningServer, define: Define) -> None:
    run_id = start(stellwerk_server, define(HOLD, ECHO))
    environment = clean_environment({"STELLWERK_ADDRESS": stellwerk_server.address, "TERM": "xterm-256color"})
    ours, theirs = os.openpty()
    with subprocess.Popen([*STELLWERK, "run", "watch", run_id], stdout=theirs, env=environment) as process:
        os.close(theirs)
        said, cancelled = "", False
        for piece in read_terminal(ours):
            said += piece.decode(errors="replace")
            if not cancelled and "holding" in said and "after hold" in said:
                cancelled = ask(stellwerk_server, lambda client: client.handle(run_id).cancel()) is not None
    os.close(ours)
    assert process.returncode == 1
    assert "└──" in said
    assert "CANCELLED" in said
    assert "\x1b[1A" in said, "it never drew over what it had drawn"


def read_terminal(descriptor: int) -> Iterator[bytes]:
    """What a program writes to its terminal until it closes it, which Linux tells as an error."""
    with suppress(OSError):
        while piece := os.read(descriptor, 65536):
            yield piece


@pytest.mark.usefixtures("worker")
def test_history_is_whole_and_in_order(stellwerk_server: RunningServer, define: Define) -> None:
    run_id = start(stellwerk_server, define(ECHO))
    assert ended(stellwerk_server, run_id, "SUCCEEDED")
    whole = stellwerk_server.cli("run", "history", run_id, "--json").document
    types = [event["type"] for event in whole["events"]]
    assert types == ["RUN_STARTED", "STEP_SCHEDULED", "STEP_SUCCEEDED", "RUN_SUCCEEDED"]
    assert (whole["run_id"], whole["version"]) == (run_id, 1)
    assert json.loads(whole["events"][0]["attributes"])["workflow"] == whole["workflow"]
    assert "STEP_SUCCEEDED" in stellwerk_server.cli("run", "history", run_id).out


@pytest.mark.parametrize(("verb", "state"), [("cancel", "CANCELLED"), ("terminate", "TERMINATED")])
@pytest.mark.usefixtures("worker")
def test_a_held_run_is_ended(stellwerk_server: RunningServer, define: Define, verb: str, state: str) -> None:
    run_id = start(stellwerk_server, define(HOLD))
    assert wait_until(lambda: run_of(stellwerk_server, run_id).steps[0].state == "LEASED", 15)
    answer = stellwerk_server.cli("run", verb, run_id, "--reason", "enough")
    assert answer.status == 0, answer.err
    assert ended(stellwerk_server, run_id, state)
    assert "enough" in stellwerk_server.cli("run", "history", run_id).out
    again = stellwerk_server.cli("run", "watch", run_id)
    assert again.status == 1
    assert state in again.out


@pytest.mark.usefixtures("worker")
def test_a_signal_reaches_the_run_by_id_or_by_key(stellwerk_server: RunningServer, define: Define) -> None:
    name = define("{id: one, signal: go}", "{id: two, signal: go}")
    run_id = stellwerk_server.cli("run", "start", name, "--key", "k-1", "--json").document["run_id"]
    assert "signal 'go' has not come" in stellwerk_server.cli("run", "show", run_id).out
    tell = ("run", "signal", "go")
    told = stellwerk_server.cli(*tell, run_id, "--payload", '{"n": 1}', "--id", "one", "--json").document
    assert told == {"run_id": run_id, "deduplicated": False}
    by_key = ("--workflow", name, "--key", "k-1")
    assert stellwerk_server.cli(*tell, *by_key, "--id", "one").out == f"{run_id} (had it before)\n"
    assert stellwerk_server.cli(*tell, *by_key, "--payload", '"end"').out == f"{run_id}\n"
    assert ended(stellwerk_server, run_id, "SUCCEEDED")
    assert run_of(stellwerk_server, run_id).output == "end"
    late = stellwerk_server.cli(*tell, run_id)
    assert (late.status, "has ended as SUCCEEDED" in late.err) == (1, True)


@pytest.mark.parametrize("words", [(), ("run_0000000000001", "--workflow", "w", "--key", "k"), ("--key", "k")])
def test_a_signal_needs_one_run(stellwerk_server: RunningServer, words: tuple[str, ...]) -> None:
    answer = stellwerk_server.cli("run", "signal", "go", *words)
    assert answer.status == 2
    assert "RUN_ID: expected it, or --workflow and --key" in answer.err


def test_a_child_run_names_its_parent(stellwerk_server: RunningServer, define: Define) -> None:
    ask(stellwerk_server, lambda client: client.apply_workflow(f"name: alone\nsteps: [{NOBODY}]"))
    run_id = start(stellwerk_server, define("{id: below, workflow: alone}"))
    child_run_id = next(step.child_run_id for step in run_of(stellwerk_server, run_id).steps)
    assert f"step below of {run_id}" in stellwerk_server.cli("run", "show", child_run_id).out
    assert f"its run {child_run_id} has not ended" in stellwerk_server.cli("run", "show", run_id).out


def test_retry_forks_and_keeps_what_was_finished(stellwerk_server: RunningServer, define: Define) -> None:
    run_id = start(stellwerk_server, define(ECHO, FAIL))
    assert ended(stellwerk_server, run_id, "FAILED")
    fork = stellwerk_server.cli("run", "retry", run_id, "--json").document
    assert fork["forked_from"] == run_id
    assert fork["run_id"] != run_id
    assert ended(stellwerk_server, fork["run_id"], "FAILED")
    history = stellwerk_server.cli("run", "history", fork["run_id"], "--json").document
    assert "STEP_KEPT" in [event["type"] for event in history["events"]]


@pytest.mark.usefixtures("worker")
def test_dead_letters_are_listed_requeued_and_discarded(stellwerk_server: RunningServer, define: Define) -> None:
    name = define("{id: fail, action: test.fail, on_failure: park}")
    run_id = start(stellwerk_server, name)
    assert ended(stellwerk_server, run_id, "BLOCKED")
    listing = ("dead-letters", "list", "--workflow", name, "--json")
    first = stellwerk_server.cli(*listing).document
    assert (first["run_id"], first["step"], first["reason"]) == (run_id, "fail", "NOT_RETRYABLE")
    assert "Refused" in stellwerk_server.cli("dead-letters", "list", "--run", run_id).out

    requeued = stellwerk_server.cli("dead-letters", "requeue", first["dead_letter_id"], "--json").document
    assert requeued["run_id"] == run_id
    assert wait_until(lambda: [d["dead_letter_id"] for d in stellwerk_server.cli(*listing).documents] != [], 15)
    second = stellwerk_server.cli(*listing).document
    assert second["dead_letter_id"] != first["dead_letter_id"]

    discarded = stellwerk_server.cli("dead-letters", "discard", second["dead_letter_id"], "--reason", "no use")
    assert discarded.status == 0, discarded.err
    assert ended(stellwerk_server, run_id, "FAILED")
    assert stellwerk_server.cli(*listing).out == ""
    assert stellwerk_server.cli(*listing, "--state", "discarded").document["dead_letter_id"] == second["dead_letter_id"]


def test_bench_prints_one_line_of_figures(stellwerk_server: RunningServer) -> None:
    answer = stellwerk_server.cli("bench", "--runs", "20", "--in-flight", "5")
    assert answer.status == 0, answer.err
    assert (answer.document["runs"], answer.document["steps"]) == (20, 60)
    assert 0 < answer.document["p50_ms"] <= answer.document["p99_ms"]


def test_a_namespace_sees_only_its_own(stellwerk_server: RunningServer, define: Define) -> None:
    run_id = start(stellwerk_server, define(NOBODY))
    answer = stellwerk_server.cli("run", "show", run_id, "--namespace", "elsewhere")
    assert answer.status == 1
    assert "elsewhere" in answer.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_complete(shell: str) -> None:
    answer = stellwerk("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert answer.status == 0, answer.err
    assert "complete" in answer.out


def test_what_stands_and_what_is_to_come_can_be_seen(stellwerk_server: RunningServer, define: Define) -> None:
    workflow = define("{id: rest, sleep: 1h}")
    run_id = start(stellwerk_server, workflow, None)
    (timer,) = stellwerk_server.cli("timer", "list", "--workflow", workflow, "--json").documents
    assert (timer["run_id"], timer["step"], timer["kind"]) == (run_id, "rest", "SLEEP")
    assert run_id in stellwerk_server.cli("timer", "list", "--workflow", workflow).out
    assert stellwerk_server.cli("overview", "--json").document["runs_open"]["RUNNING"] >= 1
    assert "stalled runs" in stellwerk_server.cli("overview").out
