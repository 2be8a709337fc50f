"""The part of `make clean` that takes data away: asks first, and only on a terminal, unless YES=1 says it.

Runs on any Python 3.11 without the environment that `make clean` removes.
"""

import fcntl
import os
import shutil
import sys
from pathlib import Path

FOLDER = Path(".stellwerk")


def main() -> int:
    """Take the data folder away, or say why it stays. Fails only when something still uses it."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    if not folder.is_dir():
        return 0
    if in_use(folder):
        return say(f"make clean: a server still runs on {folder}; `make stop`, or Ctrl-C where it was started", 1)
    if not agreed(folder):
        return say(f"{folder} stays (YES=1 takes it away without asking)", 0)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        return say(f"make clean: {folder} cannot be taken away: {error}", 1)
    return say(f"{folder} is gone", 0)


def in_use(folder: Path) -> bool:
    """Whether a database of this folder is running: it holds the lock for as long as it lives."""
    return any(is_locked(folder / name / "lock") for name in ("postgres", "valkey"))


def is_locked(path: Path) -> bool:
    """Whether a program holds the lock of this file."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def agreed(folder: Path) -> bool:
    """Whether the data may go."""
    if os.environ.get("YES") == "1":
        return True
    if os.environ.get("CI") or not sys.stdin.isatty():
        return False
    try:
        return input(f"Delete {folder.resolve()} with all runs in it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def say(text: str, status: int) -> int:
    """Tell it beside what `make` prints; gives the status."""
    sys.stderr.write(f"{text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
