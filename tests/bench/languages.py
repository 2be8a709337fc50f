"""How the worker of each language is called, and how long it warms up. Must not build what is missing: it says so.

tests/bench/worker.py describes what such a worker is given and what it says.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.child import ROOT

NODE_WORKER = "tests/bench/node/worker.mjs"
NODE_SDK = "sdk/node/dist"
JAVA_SDK = "sdk/java/target/classes"
JAVA_LIBRARIES = "sdk/java/target/lib"
JAVA_WORKER = "tests/bench/java/target/classes"
JAVA_MAIN = "io.stellwerk.bench.BenchWorker"


class NotBuilt(Exception):
    """A worker lacks a part; the message names it and what makes it."""


@dataclass(frozen=True)
class Language:
    """The command without its last argument, the settings; `parts` have to be there, `build` makes them.

    What a JIT compiles during `warmup_s` of full load is not measured.
    """

    command: Callable[[Path], list[str]]
    parts: tuple[str, ...] = ()
    build: str = ""
    warmup_s: float = 2.0

    def at(self, root: Path) -> list[str]:
        """The command in this checkout."""
        for part in self.parts:
            if not (root / part).exists():
                raise NotBuilt(f"the worker needs {part}, which is not there; {self.build} makes it")
        return self.command(root)


def _python(_root: Path) -> list[str]:
    return [sys.executable, "-m", "tests.bench.worker"]


def _node(root: Path) -> list[str]:
    return ["node", str(root / NODE_WORKER)]


def _java(root: Path) -> list[str]:
    path = [str(root / JAVA_SDK), f"{root / JAVA_LIBRARIES}/*", str(root / JAVA_WORKER)]
    return ["java", "-cp", ":".join(path), JAVA_MAIN]


LANGUAGES = {
    "python": Language(_python),
    "node": Language(_node, (NODE_WORKER, NODE_SDK), "`npm run build` in sdk/node", warmup_s=6.0),
    "java": Language(_java, (JAVA_SDK, JAVA_LIBRARIES, JAVA_WORKER), "`mvn package`", warmup_s=15.0),
}


def worker_command(language: str, root: Path = ROOT) -> list[str]:
    """What runs that language's worker, once the settings are added as JSON."""
    return LANGUAGES[language].at(root)
