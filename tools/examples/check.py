"""`make examples`: every example in every language against a real server, compared to the letter, and their unit tests.

Leaves nothing behind: folders are temporary, and what was started is stopped by its pid.
"""

import asyncio
import json
import signal
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.census.demo import server
from stellwerk import Client
from tools.examples import checks, code_checks, unit_tests
from tools.examples.checks import Check
from tools.examples.crew import Crew, crew
from tools.examples.programs import CASES, DEFINED, EXAMPLES, LANGUAGES, TOGETHER, ToolError, require

PATIENCE_S = 60.0
LOG_LINES_SHOWN = 20
ALL = "all"

CHECKS: dict[str, Check] = {**checks.CHECKS, **code_checks.CHECKS}
EXPECTED: dict[str, Any] = {**checks.EXPECTED, **code_checks.EXPECTED}


@dataclass(frozen=True)
class Outcome:
    """What a case gave with the workers of a language."""

    case: str
    language: str
    seen: Any
    took_s: float

    def __str__(self) -> str:
        return line(self.case, self.language, self.right, self.took_s)

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
    for language in languages:
        problem, took_s = unit_tests.run(language)
        tell(line("tests", language, not problem, took_s))
        wrong += [problem] if problem else []
    if wrong:
        raise ToolError("\n".join(wrong))


def pairs(languages: Collection[str] = LANGUAGES) -> list[tuple[str, str]]:
    """Every case with the languages it is run in, and those that all of them do together."""
    alone = [(case, language) for case in CASES if case != "polyglot" for language in languages]
    return alone + ([(case, ALL) for case in TOGETHER] if set(languages) == set(LANGUAGES) else [])


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
    with crew(case, spoken, address, namespace, scratch) as workers:
        async with Client(address, namespace=namespace) as client:
            if case in DEFINED:
                await client.apply_workflow(EXAMPLES / case / "workflow.yaml")
            return await _outcome_of(asyncio.create_task(_checked(check, client, workers)), workers)


async def _checked(check: Check, client: Client, workers: Crew) -> Any:
    await workers.wait_until_known(client)
    return await check(client, workers)


async def _outcome_of(checking: asyncio.Task[Any], workers: Crew) -> Any:
    deadline_s = time.monotonic() + PATIENCE_S
    while not checking.done():
        await asyncio.wait([checking], timeout=0.2)
        if workers.ended or time.monotonic() > deadline_s:
            checking.cancel()
            problem = "a worker has ended" if workers.ended else f"nothing came in {PATIENCE_S:.0f} s"
            raise ToolError(f"{problem}; the end of the log:\n{log_tail(workers.folder / 'worker.log')}")
    return checking.result()


def log_tail(log: Path) -> str:
    """The end of what a program said."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])


def line(case: str, language: str, right: bool, took_s: float) -> str:
    """What is told of a case."""
    return f"{case:<10}{language:<8}{'ok' if right else 'WRONG':<6}{took_s:.1f} s"


def as_text(value: Any) -> str:
    """A value as JSON that shows every difference."""
    return json.dumps(value, ensure_ascii=False)
