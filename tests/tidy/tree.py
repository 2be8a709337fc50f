"""The source tree as the tidy tests see it: committed files, parsed modules and what each of them imports.

It holds no rule of its own; the rules stand as data at the top of each test file.
"""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {"server/src": "stellwerk_server", "sdk/python/src": "stellwerk"}
GENERATED = "sdk/python/src/stellwerk/v1/"


@dataclass(frozen=True)
class Module:
    """One Python file, by its path from the root."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parse(self.text)

    @property
    def name(self) -> str:
        """The dotted name it is imported by: "stellwerk_server.engine.retry"."""
        inner = next((self.path[len(s) + 1 :] for s in SOURCES if self.path.startswith(f"{s}/")), self.path)
        return inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def imports(self) -> Iterator[tuple[str, int]]:
        """Every imported dotted name with its line; `from a import b` is "a.b"."""
        package = self.name.split(".")
        if not self.path.endswith("__init__.py"):
            package = package[:-1]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else []
                base = [*above, *(node.module.split(".") if node.module else [])]
                yield from ((".".join([*base, alias.name]), node.lineno) for alias in node.names)


@cache
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def committed_files() -> tuple[str, ...]:
    """What git holds or would take in; without git, everything outside of dot folders."""
    trusted = f"safe.directory={ROOT}"  # a CI container may run as another user than the owner
    command = ["git", "-c", trusted, "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        names = set(listing.stdout.splitlines())
    else:
        names = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if not _is_left_out(path)}
    return tuple(sorted(name for name in names if (ROOT / name).is_file()))


def _is_left_out(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    folders = {".venv", ".make", ".git", "node_modules", "__pycache__"}
    return any(part in folders or part.endswith((".egg-info", "_cache")) for part in parts)


def read(path: str) -> str:
    """The text of a file; bytes that are no UTF-8 are replaced."""
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def modules(*folders: str) -> list[Module]:
    """Our own Python files below these folders (all of them without one), never the generated ones."""
    return [
        Module(path, read(path))
        for path in committed_files()
        if path.endswith(".py")
        and not path.startswith(GENERATED)
        and (not folders or path.startswith(tuple(f"{folder}/" for folder in folders)))
    ]


def refuse(problems: list[str]) -> None:
    """Fail with one line a problem when there is any."""
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def is_test(path: str) -> bool:
    """Whether a file belongs to a test suite."""
    return "tests" in path.split("/")
