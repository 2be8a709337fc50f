"""`make examples`: every example in every language against a real server of its own, compared to the letter.

Leaves nothing behind: folders are temporary, and what was started is stopped by its pid.
"""

import asyncio
import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.census.demo import program, server
from stellwerk import Client
from tools.examples.checks import CHECKS, EXPECTED, Check
from tools.examples.programs import CASES, EXAMPLES, LANGUAGES, ROOT, ToolError, command, environment, require

PATIENCE_S = 60.0
LOG_LINES_SHOWN = 20
ALL = "all"


@dataclass(frozen=True)
class Outcome:
    """What a case gave with the workers of a language."""

    case: str
    language: str
    seen: Any
    took_s: float

    def __str__(self) -> str:
        return f"{self.case:<10}{self.language:<8}{'ok' if self.right else 'WRONG':<6}{self.took_s:.1f} s"

    @property
    def right(self) -> bool:
        """Whether it is what was expected, to the letter: fields in the same order, 1 is not 1.0."""
        return as_text(self.seen) == as_text(EXPECTED[self.case])

    @property
    def difference(self) -> str:
        """What was expected and what came."""
        expected, came = as_text(EXPECTED[self.case]), as_text(self.seen)
        return f"{self.case}, {self.language}:\n  expected {expected}\n  came     {came}"


async def check_all(languages: Collection[str], tell: Callable[[str], None]) -> None:
    """Tell a line for every case and language; raises ToolError at the end when one of them was wrong."""
    for language in languages:
        require(language)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wrong = []
    with tempfile.TemporaryDirectory(prefix="stellwerk-examples-") as data, server(Path(data)) as ready:
        for case, language in pairs(languages):
            with tempfile.TemporaryDirectory(prefix="stellwerk-examples-") as scratch:
                outcome = await run_case(case, language, ready["address"], Path(scratch))
            tell(str(outcome))
            wrong += [] if outcome.right else [outcome.difference]
    if wrong:
        raise ToolError("\n".join(wrong))


def pairs(languages: Collection[str] = LANGUAGES) -> list[tuple[str, str]]:
    """Every case with the languages it is run in; a polyglot run takes all of them at once."""
    alone = [(case, language) for case in CASES if case != "polyglot" for language in languages]
    return alone + ([("polyglot", ALL)] if set(languages) == set(LANGUAGES) else [])


async def run_case(case: str, language: str, address: str, scratch: Path) -> Outcome:
    """Drive a case in a namespace of its own, which keeps the workers of the other languages away."""
    began_s = time.monotonic()
    seen = await drive(case, language, address, f"{case}-{language}", CHECKS[case], scratch)
    return Outcome(case, language, seen, time.monotonic() - began_s)


async def drive(case: str, language: str, address: str, namespace: str, check: Check, scratch: Path) -> Any:
    """What a check sees while the workers run. Raises ToolError when one of them ends by itself."""
    spoken = LANGUAGES if language == ALL else (language,)
    for each in spoken:
        require(each)
    with ExitStack() as stack, (scratch / "worker.log").open("wb") as output:
        how = {"env": environment(address, namespace), "cwd": ROOT, "stdout": output, "stderr": output}
        workers = [stack.enter_context(program(command(case, each), **how)) for each in spoken]
        async with Client(address, namespace=namespace) as client:
            await client.apply_workflow(EXAMPLES / case / "workflow.yaml")
            checking = asyncio.create_task(check(client, scratch))
            return await _outcome_of(checking, workers, scratch / "worker.log")


async def _outcome_of(checking: asyncio.Task[Any], workers: list[subprocess.Popen[bytes]], log: Path) -> Any:
    deadline_s = time.monotonic() + PATIENCE_S
    while not checking.done():
        await asyncio.wait([checking], timeout=0.2)
        ended = any(worker.poll() is not None for worker in workers)
        if ended or time.monotonic() > deadline_s:
            checking.cancel()
            problem = "a worker has ended" if ended else f"nothing came in {PATIENCE_S:.0f} s"
            raise ToolError(f"{problem}; the end of the log:\n{log_tail(log)}")
    return checking.result()


def log_tail(log: Path) -> str:
    """The end of what a program said."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])


def as_text(value: Any) -> str:
    """A value as JSON that shows every difference."""
    return json.dumps(value, ensure_ascii=False)
