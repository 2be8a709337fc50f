"""The example workers as programs: which there are, how each is started, what it needs. Starts nothing itself."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
# Workflows that are data, in a workflow.yaml, and those that are code of the worker.
DEFINED = ("hello", "order", "census", "polyglot")
CODED = ("signup", "approval", "saga", "agent")
CASES = (*DEFINED, *CODED)
# Run with the workers of all languages at once: polyglot only so, the others also so, where any of them may decide.
TOGETHER = ("polyglot", "saga", "agent")
LANGUAGES = ("python", "node", "java")
STELLWERK = (sys.executable, "-m", "stellwerk_server.cli")

_NODE_SDK = (ROOT / "sdk" / "node" / "dist" / "index.js", ROOT / "node_modules" / "stellwerk" / "package.json")
_JAVA_SDK = (ROOT / "sdk" / "java" / "target" / "classes", ROOT / "sdk" / "java" / "target" / "lib")
# Small programs that mostly wait: a quick start and little memory are worth more than speed.
_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx128m")


class ToolError(Exception):
    """What cannot be done, as a sentence for whoever typed the command."""


def command(case: str, language: str) -> list[str]:
    """How to start the worker of an example; the paths in it are from the root of the checkout."""
    folder = f"examples/{case}/{language}"
    if language == "python":
        return [sys.executable, f"{folder}/worker.py"]
    if language == "node":
        return ["node", f"{folder}/worker.js"]
    targets = ("sdk/java/target", f"{folder}/target")
    classes = os.pathsep.join(f"{target}/{part}" for target in targets for part in ("classes", "lib/*"))
    return ["java", *_JVM, "-cp", classes, f"io.stellwerk.examples.{case.capitalize()}Worker"]


def environment(address: str, namespace: str = "") -> dict[str, str]:
    """Our own, with the server named."""
    named = {"STELLWERK_NAMESPACE": namespace} if namespace else {}
    return {**os.environ, "STELLWERK_ADDRESS": address, **named}


def require(language: str, search_path: Mapping[str, str] = os.environ) -> None:
    """Raise ToolError when the examples of a language cannot run here."""
    if language == "node":
        _require_version(language, "node", "--version", 20, search_path.get("PATH", ""))
        _require_built(language, *_NODE_SDK)
    if language == "java":
        _require_version(language, "java", "-version", 17, search_path.get("PATH", ""))
        _require_built(language, *_JAVA_SDK, *(EXAMPLES / case / "java" / "target" / "lib" for case in CASES))


def _require_version(language: str, program: str, option: str, least: int, search_path: str) -> None:
    found = shutil.which(program, path=search_path)
    if found is None:
        raise ToolError(f"the {language} examples need `{program}` {least} or newer, and there is none on the PATH")
    came = _version(found, option)
    if came < least:
        raise ToolError(f"the {language} examples need `{program}` {least} or newer, {found} is {came}")


@cache
def _version(program: str, option: str) -> int:
    """The major version a program says of itself: `v20.1.0`, `openjdk version "17.0.1"`."""
    said = subprocess.run([program, option], capture_output=True, text=True, check=False)
    number = re.search(r'(?:^v|version ")(\d+)', said.stdout + said.stderr, re.MULTILINE)
    return int(number[1]) if number else 0


def _require_built(language: str, *parts: Path) -> None:
    for part in parts:
        if not part.exists():
            missing = part.relative_to(ROOT)
            raise ToolError(f"the {language} examples are not built ({missing} is missing): run `make sdks` first")
