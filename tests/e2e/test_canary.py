"""`stellwerk canary` against a real server: well, gone, and answering wrongly; its figures are scraped over HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request

import pytest

from stellwerk import Client
from stellwerk_server.cli import canary
from stellwerk_server.cli.own_worker import working
from tests.support.servers import STELLWERK, RunningServer, clean_environment, stellwerk


def test_a_check_of_a_healthy_server(stellwerk_server: RunningServer) -> None:
    answer = stellwerk_server.cli("canary", "--checks", "2", "--every", "1", "--json")
    assert answer.status == 0, answer.err
    assert [check["ok"] for check in answer.documents] == [True, True]
    first, second = (check["run_id"] for check in answer.documents)
    assert first != second
    assert stellwerk_server.cli("run", "show", first, "--json").document["state"] == "SUCCEEDED"


def test_a_server_that_is_not_there_fails_the_check() -> None:
    answer = stellwerk("canary", "--checks", "1", "--within", "2", "--json", STELLWERK_ADDRESS="127.0.0.1:9")
    assert answer.status == 1
    assert "no Stellwerk server answers at 127.0.0.1:9" in answer.document["error"]


def test_its_figures_are_there_for_a_scrape(stellwerk_server: RunningServer) -> None:
    with subprocess.Popen(
        [*STELLWERK, "canary", "--metrics-port", "0", "--every", "60", "--json"],
        stdout=subprocess.PIPE,
        env=clean_environment({"STELLWERK_ADDRESS": stellwerk_server.address}),
    ) as process:
        try:
            assert process.stdout is not None
            where = json.loads(process.stdout.readline())["metrics"]
            assert json.loads(process.stdout.readline())["ok"]
            with urllib.request.urlopen(where, timeout=20) as answer:
                found = answer.read().decode()
        finally:
            process.terminate()
    assert re.search(r"^stellwerk_canary_up 1\.0$", found, re.MULTILINE)
    assert re.search(r'^stellwerk_canary_checks_total\{outcome="ok"\} 1\.0$', found, re.MULTILINE)
    assert re.search(r'^stellwerk_canary_seconds_bucket\{le="40\.0"\} 1\.0$', found, re.MULTILINE)


async def test_a_wrong_answer_fails_the_check(stellwerk_server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that loses what it was given is what a cluster that answers wrongly looks like."""

    async def forgetful(value: object) -> dict[str, int]:
        return {"n": -1}

    monkeypatch.setattr(canary, "_echo", forgetful)
    async with (
        Client(stellwerk_server.address) as client,
        working(client, canary.QUEUE, canary._handlers(), drain_s=1.0),
    ):
        check = await canary._check(client, 20.0)
    assert not check.ok
    assert check.error.startswith("output: expected [")


@pytest.mark.parametrize(
    ("option", "value"), [("--every", "0"), ("--within", "0"), ("--checks", "-1"), ("--metrics-port", "70000")]
)
def test_bad_options_are_refused(option: str, value: str) -> None:
    answer = stellwerk("canary", option, value)
    assert answer.status == 2
    assert f"'{option}': Input should be" in answer.err
