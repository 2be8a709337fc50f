"""The unit tests that examples bring along: they run a workflow in their own program, in virtual time.

Must not need a server.
"""

import subprocess
import sys
import time
from collections.abc import Sequence

from tools.examples.programs import EXAMPLES, ROOT

PATIENCE_S = 120

_JAVA_TESTS = ("-Dtest=io.stellwerk.examples.*Test", "-Dsurefire.failIfNoSpecifiedTests=false")


def run(language: str) -> tuple[str, float]:
    """Run those of a language; gives what is wrong with them (nothing: an empty text), and how long they took."""
    began_s = time.monotonic()
    done = subprocess.run(command(language), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    problem = f"tests, {language}:\n{done.stdout}{done.stderr}" if done.returncode else ""
    return problem, time.monotonic() - began_s


def command(language: str) -> Sequence[str]:
    """How the examples' tests of a language are run, from the root of the checkout."""
    if language == "python":
        return [sys.executable, "-m", "pytest", "examples"]
    if language == "node":
        return ["node", "--test", *(str(path) for path in sorted(EXAMPLES.glob("*/node/*.test.js")))]
    return ["mvn", "-B", "-ntp", "-q", "test", "-pl", "examples/approval/java,examples/saga/java", "-am", *_JAVA_TESTS]
