"""The program of each language that serves the recorded workflows and replays their histories. Must not know any."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.conformance.programs import ROOT, NotBuilt, Program
from tests.support.servers import clean_environment

HERE = Path(__file__).parent
PATIENCE_S = 100


def _python() -> list[str]:
    return [sys.executable, str(HERE / "workflows.py")]


def _node() -> list[str]:
    return [*_built("node", "sdk/node/dist"), str(HERE / "workflows.mjs")]


def _java() -> list[str]:
    java = _built("java", "sdk/java/target/classes", "tests/histories/java/target/classes")
    places = ("sdk/java/target/classes", "sdk/java/target/lib/*", "tests/histories/java/target/classes")
    path = ":".join(str(ROOT / place) for place in places)
    return [*java, "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", path, "io.stellwerk.histories.Histories"]


def _built(program: str, *folders: str) -> list[str]:
    for folder in folders:
        if not (ROOT / folder).exists():
            raise NotBuilt(f"{folder} is missing: `make sdks` builds it")
    return [program]


COMMANDS: dict[str, Callable[[], list[str]]] = {"python": _python, "node": _node, "java": _java}


def worker(language: str, address: str, log: Path) -> Program:
    """A worker that serves the workflows, not started yet. Raises NotBuilt."""
    return Program([*COMMANDS[language](), "work"], {"STELLWERK_ADDRESS": address}, log)


def replayed(language: str, pairs: Sequence[tuple[str, Path]]) -> list[list[str]]:
    """For each code and file what replaying its first event gives, its first two, and so on to the whole.

    All by one child. Raises NotBuilt.
    """
    done = subprocess.run(
        [*COMMANDS[language](), "replay", *(f"{code}={file}" for code, file in pairs)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=clean_environment({}),
    )
    assert done.returncode == 0, done.stderr
    answers: list[Any] = [json.loads(line) for line in done.stdout.splitlines()]
    return answers
