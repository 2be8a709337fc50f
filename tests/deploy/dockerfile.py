"""A Dockerfile as data: its stages and their instructions. Knows the forms ours uses, and no others."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Instruction:
    """One instruction, its lines joined."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """Its arguments, of the JSON form or of the shell's."""
        return list(json.loads(self.text)) if self.text.startswith("[") else shlex.split(self.text)


@dataclass
class Stage:
    """What stands between one FROM and the next."""

    name: str
    base: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        """The instructions of that name, in order."""
        return [instruction for instruction in self.instructions if instruction.name == name]

    def one(self, name: str) -> Instruction:
        """The only instruction of that name."""
        (found,) = self.all(name)
        return found


def stages(text: str) -> dict[str, Stage]:
    """The stages by name, in order."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", lines)
    found: dict[str, Stage] = {}
    stage = Stage("", "")
    for line in filter(None, (line.strip() for line in joined.splitlines())):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            base, _as, called = rest.split()
            stage = found[called] = Stage(called, base)
        else:
            stage.instructions.append(Instruction(name, rest.strip()))
    return found


@dataclass(frozen=True)
class Copy:
    """A COPY: from the context, or from another stage."""

    sources: list[str]
    target: str
    stage: str | None


def copies(stage: Stage) -> list[Copy]:
    """The stage's COPY instructions."""
    found = []
    for instruction in stage.all("COPY"):
        words = instruction.words
        origin = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else None
        found.append(Copy(words[:-1], words[-1], origin))
    return found


def is_ignored(path: str, patterns: list[str]) -> bool:
    """Whether .dockerignore keeps this file out: the last pattern that fits it or a folder above it decides."""
    parts = path.split("/")
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    ignored = False
    for pattern in patterns:
        if any(_fits(folder, pattern.removeprefix("!")) for folder in above):
            ignored = not pattern.startswith("!")
    return ignored


def _fits(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch.fnmatchcase(path.rpartition("/")[2], pattern[3:])
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def patterns(path: Path) -> list[str]:
    """The patterns of a .dockerignore."""
    return [line.strip() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
