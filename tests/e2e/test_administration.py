"""docs/administration.md as it stands: a shell runs its commands in order, and each answer is what the page shows.

In the page's answers `…` matches anything within a line, and a line of nothing but `…` any number of lines.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.support.databases import fresh_database
from tests.support.programs import wait_until
from tests.support.servers import RunningServer, clean_environment, serving

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/administration.md"
FOLDER = ".make/bin"
INSTALL_S = 600
PATIENCE_S = 10
# What the page says may be a second behind; asking again changes nothing.
BEHIND = re.compile(r"\Acall AdminService/")
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A command and the answer the page shows; none shown means that there must be none."""

    command: str
    shown: str


def blocks(page: str) -> list[Block]:
    """The page's commands in order; a text that follows no command is a mistake of the page."""
    found: list[Block] = []
    for language, text in FENCED.findall(page):
        assert language in ("sh", "text"), f"expected a block of sh or text, came {language}"
        if language == "sh":
            found.append(Block(text, ""))
        else:
            assert [block for block in found[-1:] if not block.shown], f"expected a command before the answer:\n{text}"
            found[-1] = Block(found[-1].command, text)
    return found


def fits(shown: str, answer: str) -> bool:
    """Whether an answer is what the page shows."""
    lines = (r"(?:.*\n)*?" if line.strip() == "…" else _within(line) + r"\n" for line in shown.splitlines())
    return re.fullmatch("".join(lines), answer) is not None


def _within(line: str) -> str:
    return ".*?".join(re.escape(part) for part in line.split("…"))


class Shell:
    """One shell for the whole page, so that its variables last."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._popen = subprocess.Popen(
            ["bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env=environment,
        )

    def run(self, command: str) -> tuple[int, str]:
        """The status of a command of the block that failed, else 0, and what the block wrote."""
        assert self._popen.stdin
        assert self._popen.stdout
        self._popen.stdin.write(f"failed=0; trap 'failed=$?' ERR\n{command}\ntrap - ERR; echo \"<done $failed>\"\n")
        self._popen.stdin.flush()
        answer = ""
        for line in self._popen.stdout:
            if done := re.fullmatch(r"<done (\d+)>\n", line):
                return int(done[1]), answer
            answer += line
        raise AssertionError(f"the shell ended within\n{command}\n{answer}")

    def close(self) -> None:
        assert self._popen.stdin
        assert self._popen.stdout
        self._popen.stdin.close()
        self._popen.wait(PATIENCE_S)
        self._popen.stdout.close()


def problem(shell: Shell, block: Block) -> str:
    """What is wrong with the answer to a block; empty when nothing is."""
    if BEHIND.match(block.command):
        wait_until(lambda: not _problem_now(shell, block), PATIENCE_S)
    return _problem_now(shell, block)


def _problem_now(shell: Shell, block: Block) -> str:
    status, answer = shell.run(block.command)
    if status == 0 and fits(block.shown, answer):
        return ""
    return f"{block.command}\nstatus {status}, expected\n{block.shown}\ncame\n{answer}"


@pytest.fixture(scope="module")
def grpcurl() -> Path:
    """The folder with grpcurl; only a machine that is not CI's may do without."""
    command = ["sh", "tools/grpcurl.sh", FOLDER]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode and os.environ.get("CI") != "true":
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return ROOT / FOLDER


@pytest.fixture
def empty_server(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, server_folder: Path) -> Iterator[RunningServer]:
    """A server nobody has used: the page shows version 1, and the only worker there is."""
    with fresh_database(postgres) as dsn, serving(dsn, valkey.url, server_folder) as server:
        yield server


@pytest.fixture
def shell(grpcurl: Path, empty_server: RunningServer, tmp_path: Path) -> Iterator[Shell]:
    environment = clean_environment({"STELLWERK_ADDRESS": empty_server.address})
    environment["PATH"] = f"{grpcurl}{os.pathsep}{environment['PATH']}"
    shell = Shell(tmp_path, environment)
    try:
        yield shell
    finally:
        shell.close()


@pytest.mark.timeout(INSTALL_S + 120)
def test_every_command_of_the_page_answers_what_the_page_shows(shell: Shell) -> None:
    page = blocks(PAGE.read_text())
    assert len(page) > 20
    for block in page:
        assert problem(shell, block) == ""


def test_an_answer_that_is_not_what_is_shown_is_found() -> None:
    shown = '{\n  "id": "run_…",\n…\n  "state": "DEAD"\n}\n'
    assert fits(shown, '{\n  "id": "run_1",\n  "state": "DEAD"\n}\n')
    assert fits(shown, '{\n  "id": "run_2",\n  "a": 1,\n  "b": 2,\n  "state": "DEAD"\n}\n')
    for wrong in (
        '{\n  "id": "dl_1",\n  "state": "DEAD"\n}\n',
        '{\n  "id": "run_1",\n  "state": "LEASED"\n}\n',
        '{\n  "id": "run_1",\n  "state": "DEAD",\n  "more": 1\n}\n',
        "",
    ):
        assert not fits(shown, wrong), wrong
    assert not fits("", "ERROR: something\n")


def test_an_answer_belongs_to_the_command_before_it() -> None:
    page = "```sh\na\nb\n```\n\nSo.\n\n```sh\nc\n```\n\n```text\nd\n```\n"
    assert blocks(page) == [Block("a\nb\n", ""), Block("c\n", "d\n")]
    for wrong in ("```text\na\n```\n", page + "```text\ne\n```\n", "```json\n{}\n```\n"):
        with pytest.raises(AssertionError, match="expected a"):
            blocks(wrong)


def test_a_command_that_fails_is_seen_and_variables_last(tmp_path: Path) -> None:
    shell = Shell(tmp_path, clean_environment({}))
    try:
        assert shell.run("X=1\nfalse\ntrue\n") == (1, "")
        assert shell.run("missing-$X 2>/dev/null\n") == (127, "")
        assert shell.run("echo $X >&2\n") == (0, "1\n")
    finally:
        shell.close()
