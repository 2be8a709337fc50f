"""The examples in every language, and the commands around them: what `make examples`, `all`, `stop` and `clean` do."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from stellwerk import Client, InvalidArgument, RunFailed
from tests.support.programs import gone_within, living
from tests.support.servers import RunningServer, clean_environment
from tools.examples import odd_tree, unit_tests
from tools.examples.check import ALL, CHECKS, EXPECTED, as_text, drive, pairs, run_case
from tools.examples.checks import Check, streamed, without_id
from tools.examples.children import Child, identity
from tools.examples.crew import Crew
from tools.examples.programs import CASES, CODED, DEFINED, LANGUAGES, ROOT, TOGETHER, ToolError, require
from tools.examples.stack import read, stop_all, write

PATIENCE_S = 110
EXAMPLES = (sys.executable, "-m", "tools.examples")
CLEAN = (sys.executable, "-m", "tools.examples.clean")


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder with a path short enough for a socket below it."""
    with tempfile.TemporaryDirectory(prefix="stellwerk-e2e-") as folder:
        yield Path(folder)


def said_by(command: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """A command run to its end without a terminal."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=clean_environment(environment),
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize(("case", "language"), pairs())
async def test_an_example_gives_what_is_expected(
    stellwerk_server: RunningServer, case: str, language: str, scratch: Path
) -> None:
    outcome = await run_case(case, language, stellwerk_server.address, scratch)
    assert outcome.right, outcome.difference


def test_every_case_is_checked_in_every_language() -> None:
    # embed is a page and has no worker; tests/browser looks at it.
    cases = {path.parent.name for path in (ROOT / "examples").glob("*/README.md")} - {"embed"}
    assert cases == set(CHECKS) == set(EXPECTED) == {*DEFINED, *CODED}
    assert set(DEFINED) == {path.parent.name for path in (ROOT / "examples").glob("*/workflow.yaml")}
    assert set(pairs()) == {(c, lang) for c in cases - {"polyglot"} for lang in LANGUAGES} | {
        (c, ALL) for c in TOGETHER
    }


@pytest.mark.parametrize("language", ["python", "node"])  # Java's run with all of Java
def test_the_tests_of_the_examples_pass(language: str) -> None:
    problem, _ = unit_tests.run(language)
    assert problem == ""


async def hellos(client: Client, _crew: Crew) -> Any:
    """Names with all that text can hold."""
    names = [
        "",
        " ",
        "two  spaces ",
        "tab\tnew\nline",
        "\u2028\u00a0",
        '"\\/',
        "\x00\x1f\x7f",
        "👩\u200d🚀",
        "x" * 5_000,
    ]
    outputs = [await client.run("hello", {"name": name}) for name in names]
    handle = await client.start("hello", {"name": names[2]})
    return [outputs, await handle.result(), await streamed(handle)]


async def orders(client: Client, _crew: Crew) -> Any:
    """Amounts on both sides of the limit, and inputs the schema or a handler refuses."""
    seen: list[Any] = []
    for total in (1, 99_999, 100_000, 100_001, 2**53 + 1):
        handle = await client.start("order", {"order": "Ö-1", "total": total})
        try:
            seen.append(without_id(await handle.result(), handle))
        except RunFailed as error:
            why = error.failure
            seen.append(why and [why.type, why.message, why.details, why.terminal, why.attempt])
    return seen


async def censuses(client: Client, crew: Crew) -> Any:
    """Trees with names made by chance, `skip` patterns, and folders that are none."""
    scratch = crew.folder
    tree = make_tree_by_chance(scratch / "chance", seed=4)
    odd_tree.make(scratch / "odd")
    seen = []
    for request in (
        {"folder": str(tree)},
        {"folder": f"{tree}/", "skip": []},
        {"folder": str(tree), "skip": ["*a*", ".", "[b]*", "?", "\\*", "ä*"]},
        {"folder": str(scratch / "odd"), "skip": ["line*", "é"]},
    ):
        handle = await client.start("census", request)
        seen.append([await handle.result(), sorted(await streamed(handle))])
    for folder in (str(scratch / "nowhere"), str(scratch / "odd" / "no end.py")):
        failed = await client.start("census", {"folder": folder})
        with pytest.raises(RunFailed) as raised:
            await failed.result()
        assert raised.value.failure is not None
        seen.append([raised.value.failure.type, raised.value.failure.message])
    for wrong in ("", "relative", "/nul\x00", "/line\nbreak\x00"):
        with pytest.raises(InvalidArgument):
            await client.start("census", {"folder": wrong})
    return json.loads(as_text(seen).replace(str(scratch), "SCRATCH"))


def make_tree_by_chance(tree: Path, seed: int) -> Path:
    """Folders and files with names of random bytes."""
    chance = random.Random(seed)
    alphabet = [
        *(bytes([code]) for code in range(1, 256) if code != 0x2F),
        b".py",
        b".Md",
        b"\xc3\xa4",
        b"\xf0\x9f\x9a\x80",
    ]
    folders = [os.fsencode(tree)]
    tree.mkdir()
    for _ in range(300):
        name = b"".join(chance.choices(alphabet, k=chance.randint(1, 9))) + chance.choice([b"", b".PY", b".md", b"."])
        path = os.path.join(chance.choice(folders), name)  # noqa: PTH118 - the names are no text
        if name in (b".", b"..") or os.path.lexists(path):
            continue
        if chance.random() < 0.15:
            os.mkdir(path)  # noqa: PTH102
            folders.append(path)
        else:
            Path(os.fsdecode(path)).write_bytes(chance.randbytes(chance.randint(0, 3_000)))
    return tree


@pytest.mark.parametrize(("case", "check"), [("hello", hellos), ("order", orders), ("census", censuses)])
async def test_the_languages_give_the_same(
    stellwerk_server: RunningServer, case: str, check: Check, scratch: Path
) -> None:
    seen = {}
    for language in LANGUAGES:
        # One path for all: it is in what they say.
        with tempfile.TemporaryDirectory(prefix="stellwerk-e2e-") as folder:
            namespace = f"same-{case}-{language}"
            value = await drive(case, language, stellwerk_server.address, namespace, check, Path(folder))
            seen[language] = as_text(value)
    assert len(seen["python"]) > 100
    assert seen["node"] == seen["python"]
    assert seen["java"] == seen["python"]


@pytest.fixture
def everything(scratch: Path) -> Iterator[Path]:
    """The data folder of a `make all`, stopped whatever the test does."""
    folder = scratch / "data"
    started = said_by([*EXAMPLES, "all", "--folder", str(folder), "--port", "0"])
    try:
        assert started.returncode == 0, started.stderr
        yield folder
    finally:
        said_by([*EXAMPLES, "stop", "--folder", str(folder)])


def test_all_starts_everything_and_stop_ends_it(everything: Path) -> None:
    children = read(everything)
    assert len(children) == 1 + len(CASES) * len(LANGUAGES)
    address = json.loads((everything / "server.out").read_text())["address"]
    assert asyncio.run(run_polyglot(address)) == ["## a", "# b"]

    again = said_by([*EXAMPLES, "all", "--folder", str(everything), "--port", "0"])
    assert again.returncode == 1
    assert again.stderr == f"error: it runs already, with its data in {everything}: `make stop` ends it\n"
    refused = said_by([*CLEAN, str(everything)], YES="1")
    assert refused.returncode == 1
    assert "still runs" in refused.stderr

    stopped = said_by([*EXAMPLES, "stop", "--folder", str(everything)])
    assert stopped.returncode == 0, stopped.stderr
    assert stopped.stdout == f"stopped {len(children)} programs; the data stay in {everything}\n"
    assert gone_within(5, [child.pid for child in children])
    assert "Traceback" not in "".join(log.read_text() for log in everything.glob("*.log"))
    assert said_by([*CLEAN, str(everything)], YES="1").returncode == 0
    assert not everything.exists()


async def run_polyglot(address: str) -> Any:
    async with Client(address) as client:
        return await client.run("polyglot", {"text": "a b a"})


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs until its input ends."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_stop_leaves_a_stranger_with_the_pid_alone(bystander: subprocess.Popen[bytes], tmp_path: Path) -> None:
    told: list[str] = []
    write(tmp_path, [Child("hello-node", bystander.pid, f"{identity(bystander.pid)}0")])
    stop_all(tmp_path, told.append)
    assert bystander.poll() is None
    assert told[0] == f"hello-node (pid {bystander.pid}) had ended before"
    assert read(tmp_path) == []

    write(tmp_path, [Child("hello-node", bystander.pid, identity(bystander.pid))])
    stop_all(tmp_path, told.append)
    assert bystander.wait(10) == -signal.SIGTERM
    stop_all(tmp_path, told.append)
    assert told[-1].startswith("nothing to stop")


def test_workers_of_a_language_serve_a_running_server_until_ctrl_c(stellwerk_server: RunningServer) -> None:
    environment = clean_environment({"STELLWERK_ADDRESS": stellwerk_server.address})
    command = [*EXAMPLES, "work", "python"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        assert process.stdout is not None
        assert "serve " + stellwerk_server.address in process.stdout.readline()
        workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        started = stellwerk_server.cli("run", "start", "hello", "--input", '{"name": "Ada"}', "--wait", "--json")
        assert started.document["output"]["greeting"] == "Hello, Ada!", started.err
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    assert len(workers) == len(CASES)
    assert living([int(pid) for pid in workers]) == []


def test_workers_without_a_server_say_so() -> None:
    answer = said_by([*EXAMPLES, "work", "python"], STELLWERK_ADDRESS="127.0.0.1:1")
    assert answer.returncode == 1
    assert answer.stderr.startswith("error: no Stellwerk server answers at 127.0.0.1:1")
    assert "`stellwerk up`" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_taken_port_is_told_and_leaves_nothing(stellwerk_server: RunningServer, scratch: Path) -> None:
    port = stellwerk_server.address.rpartition(":")[2]
    answer = said_by([*EXAMPLES, "all", "--folder", str(scratch / "data"), "--port", port])
    assert answer.returncode == 1
    assert "the server did not start" in answer.stderr
    assert f"cannot listen on 127.0.0.1:{port}" in answer.stderr
    assert read(scratch / "data") == []


@pytest.mark.parametrize(("language", "program"), [("node", "node"), ("java", "java")])
def test_a_missing_or_old_language_is_told_in_a_sentence(language: str, program: str, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=f"need `{program}` .* and there is none on the PATH"):
        require(language, {"PATH": str(tmp_path)})
    old = tmp_path / program
    old.write_text("#!/bin/sh\necho v11.2\n")
    old.chmod(0o755)
    with pytest.raises(ToolError, match=f"need `{program}` .* is 11$"):
        require(language, {"PATH": str(tmp_path)})


@pytest.mark.parametrize(("answer", "stays"), [("y\n", False), ("yes\n", False), ("\n", True), ("n\n", True)])
def test_clean_asks_on_a_terminal(answer: str, stays: bool, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    ours, theirs = os.openpty()
    environment = clean_environment({"CI": ""})
    process = subprocess.Popen(
        [*CLEAN, str(folder)], stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environment
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    assert process.wait(PATIENCE_S) == 0
    os.close(ours)
    assert folder.exists() is stays


@pytest.mark.parametrize(
    ("environment", "stays"), [({}, True), ({"CI": "true"}, True), ({"CI": "true", "YES": "1"}, False)]
)
def test_clean_takes_no_data_without_a_terminal(environment: dict[str, str], stays: bool, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    answer = said_by([*CLEAN, str(folder)], **environment)
    assert answer.returncode == 0
    assert folder.exists() is stays
    assert said_by([*CLEAN, str(tmp_path / "nowhere")]).returncode == 0
