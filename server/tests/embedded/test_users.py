"""Whoever starts it: root, an ordinary user, root in a container; and the files stay with their owner."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from stellwerk_server.embedded import FolderRefusedError, binaries
from stellwerk_server.embedded.identity import UNPRIVILEGED_USERS, Identity
from tests.support.programs import HERE, embedded_program, gone_within, living, uid_of

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
NOBODY = pwd.getpwnam("nobody")
AS_NOBODY = {"user": NOBODY.pw_uid, "group": NOBODY.pw_gid, "extra_groups": []}
WITHOUT_NAMESPACES = (sys.executable, str(HERE / "without_namespaces.py"))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder other users can reach; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory(prefix="stellwerk-users-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def nobodys_folder(open_folder: Path) -> Path:
    folder = open_folder / "nobody"
    folder.mkdir()
    os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
    return folder


@pytest.fixture(scope="module")
def nobodys_python() -> str:
    """A Python that an ordinary user can run and that finds our packages."""
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    probe = "import stellwerk_server.embedded"
    for python in (sys.executable, shutil.which("python3", path=os.defpath)):
        try:
            found = python and subprocess.run([python, "-c", probe], env=environment, cwd="/", check=True, **AS_NOBODY)
        except (OSError, subprocess.CalledProcessError):
            continue
        if found:
            return str(python)
    pytest.skip(f"uid {NOBODY.pw_uid} can run neither {sys.executable} nor a system Python with our packages")


def answer(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        return int(connection.execute("SELECT 42").fetchone()[0])  # type: ignore[index]


def owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in folder.rglob("*")}


@root_only
def test_root_runs_it_in_a_namespace_and_the_files_stay_roots(open_folder: Path) -> None:
    with embedded_program(open_folder) as program:
        assert answer(program.told["dsn"]) == 42
        assert Path(f"/proc/{program.told['postgres']}/uid_map").read_text().split() == ["65534", "0", "1"]
        assert owners(open_folder) == {0}


@root_only
def test_an_ordinary_user_runs_it(nobodys_folder: Path, nobodys_python: str) -> None:
    with embedded_program(nobodys_folder, python=nobodys_python, **AS_NOBODY) as program:
        assert answer(program.told["dsn"]) == 42
        assert {uid_of(pid) for pid in program.server_pids} == {NOBODY.pw_uid}
        assert owners(nobodys_folder) == {NOBODY.pw_uid}
        pids = program.server_pids
        program.process.kill()
        program.process.wait()
        assert gone_within(5, pids), f"still alive: {living(pids)}"


@root_only
def test_root_leaves_a_users_folder_usable_for_the_user(nobodys_folder: Path, nobodys_python: str) -> None:
    with embedded_program(nobodys_folder, python=nobodys_python, **AS_NOBODY) as program:
        assert answer(program.told["dsn"]) == 42
    with embedded_program(nobodys_folder) as program:
        assert {uid_of(pid) for pid in program.server_pids} == {NOBODY.pw_uid}
        assert owners(nobodys_folder) == {NOBODY.pw_uid}
    with embedded_program(nobodys_folder, python=nobodys_python, **AS_NOBODY) as program:
        assert answer(program.told["dsn"]) == 42


@root_only
def test_a_folder_of_somebody_else_is_refused(open_folder: Path, nobodys_python: str) -> None:
    with embedded_program(open_folder, python=nobodys_python, **AS_NOBODY) as program:
        assert "Permission denied; choose a folder you own" in program.told["error"]
    (open_folder / "postgres").mkdir()
    with embedded_program(open_folder, python=nobodys_python, **AS_NOBODY) as program:
        assert f"belongs to uid 0, this is uid {NOBODY.pw_uid}" in program.told["error"]


@root_only
def test_where_namespaces_are_refused_root_runs_it_as_an_existing_user(open_folder: Path) -> None:
    user = next(pwd.getpwnam(name) for name in UNPRIVILEGED_USERS if name in {each.pw_name for each in pwd.getpwall()})
    try:
        Identity("", user.pw_uid, user.pw_gid).require_way_to(binaries.find_postgres(None).folder)
    except FolderRefusedError as error:
        pytest.skip(str(error))
    for _ in ("new", "existing"):
        with embedded_program(open_folder, wrapper=WITHOUT_NAMESPACES) as program:
            assert answer(program.told["dsn"]) == 42
            assert uid_of(program.told["postgres"]) == user.pw_uid
            assert owners(open_folder / "postgres") == {user.pw_uid}
            pids = program.server_pids
            program.process.kill()
            program.process.wait()
            assert gone_within(5, pids), f"still alive: {living(pids)}"


@root_only
def test_where_namespaces_are_refused_a_closed_folder_above_is_named(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    with embedded_program(closed / "data", wrapper=WITHOUT_NAMESPACES) as program:
        assert f"below {closed}, which is closed to uid" in program.told["error"]
