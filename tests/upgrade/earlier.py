"""The server of an earlier commit, unpacked into a folder to be run as a program. Does nothing with it."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVER, SDK = "server/src", "sdk/python/src"
REVISIONS = f"{SERVER}/stellwerk_server/store/migrations/versions"


def git(*arguments: str) -> str:
    """What git says of this checkout."""
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@dataclass(frozen=True)
class Earlier:
    """The sources of an earlier commit, in a folder."""

    commit: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes Python take these sources and not those of the checkout."""
        return {"PYTHONPATH": os.pathsep.join([str(self.folder / SERVER), str(self.folder / SDK)])}

    @property
    def revision(self) -> str:
        """The newest revision of the schema it knows."""
        return max(path.name.split("_")[0] for path in (self.folder / REVISIONS).glob("[0-9]*_*.py"))

    @property
    def serves_newer_schemas(self) -> bool:
        """Whether it starts on a schema that is newer than it: servers before 0006 refuse any."""
        return "oldest_revision" in (self.folder / SERVER / "stellwerk_server/store/migrate.py").read_text()


def commits() -> dict[str, str]:
    """The commit before this one, and the last one with the schema before; one name when they are the same.

    With changes that are not committed, the last commit is the one before.
    """
    newest = max(path.name for path in (ROOT / REVISIONS).glob("[0-9]*_*.py"))
    try:
        before = "HEAD" if git("status", "--porcelain", "--", SERVER, SDK) else "HEAD~1"
        added = git("log", "--diff-filter=A", "--format=%H", "--", f"{REVISIONS}/{newest}").splitlines()
        found = {"previous commit": git("rev-parse", before)}
        found.setdefault("previous schema", git("rev-parse", f"{added[-1]}~1" if added else "HEAD"))
    except (subprocess.CalledProcessError, FileNotFoundError):
        return {}
    return {
        name: commit for name, commit in found.items() if list(found.values()).index(commit) == list(found).index(name)
    }


def unpack(commit: str, folder: Path) -> Earlier:
    """The sources of that commit."""
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", commit, SERVER, SDK], capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    return Earlier(commit, folder)


def require_history() -> None:
    """Only a checkout without history may do without an earlier server, and not in CI."""
    if not commits():
        explain = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        explain("no earlier commit is here: a checkout without history has none")
