"""`make demo` for real, on a tree with everything in it that trees have, its figures checked against find and wc."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support.programs import gone_within, living, wait_until
from tests.support.servers import clean_environment

DEMO = Path(__file__).parents[2] / "examples" / "census" / "demo.py"
PATIENCE_S = 110
LEFT_OUT = (".git", "node_modules", ".venv", "x.egg-info")
LANGUAGES = {"Python": ("*.py", "*.pyi"), "Markdown": ("*.md",), "YAML": ("*.yaml", "*.yml"), "Make": ("Makefile",)}


@dataclass(frozen=True)
class Demo:
    """A demo that has ended: what it said, what it started, what it left."""

    status: int
    out: str
    err: str
    started: dict[int, str]
    report: Path
    temporary: Path


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder with a path short enough for a socket below it."""
    with tempfile.TemporaryDirectory(prefix="stellwerk-e2e-") as folder:
        yield Path(folder)


@pytest.fixture
def tree(scratch: Path) -> Path:
    """A small source tree with all that is awkward."""
    tree = scratch / "tree"
    for folder in ("src/deep/er", "docs", "empty", "100%25", "line\nbreak", *LEFT_OUT):
        (tree / folder).mkdir(parents=True)
        (tree / folder / "in.py").write_text("a = 1\n" * 3)
    (tree / "empty" / "in.py").unlink()
    (tree / "no end.py").write_text("x = 1\ny = 2")
    (tree / "nothing.py").write_bytes(b"")
    (tree / "src" / "UPPER.PY").write_bytes(b"z = 3\r\n\r\n")
    (tree / "src" / "types.pyi").write_text("x: int\n")
    (tree / "docs" / "läs mig.md").write_text("# Hallå\n", encoding="utf-8")
    (tree / "docs" / "a.yaml").write_text("a: 1\n")
    (tree / "Makefile").write_text("all:\n\ttrue\n")
    (tree / "src" / "picture.png").write_bytes(bytes(range(256)) * 9000)
    odd = os.path.join(os.fsencode(tree), b"not \xff utf-8 %")  # noqa: PTH118 - pathlib would need text
    os.mkdir(odd)  # noqa: PTH102
    Path(os.fsdecode(odd), os.fsdecode(b"\xfe\xed.py")).write_text("import this\n")
    (tree / "link.py").symlink_to(tree / "src" / "types.pyi")
    (tree / "loop").symlink_to(tree)
    (tree / "dangling.py").symlink_to(tree / "nowhere")
    os.mkfifo(tree / "pipe.py")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree / "s.py"))
    return tree


def run_demo(scratch: Path, *arguments: str) -> Demo:
    """Run the demo to its end, and note every program it starts on the way."""
    temporary, report = scratch / "tmp", scratch / "report.md"
    temporary.mkdir()
    command = [sys.executable, str(DEMO), *arguments, "--report", str(report)]
    with (scratch / "out").open("w+") as out, (scratch / "err").open("w+") as err:
        process = psutil.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=clean_environment({"TMPDIR": str(temporary)})
        )
        started: dict[int, str] = {}

        def has_ended() -> bool:
            started.update(programs_below(process))
            return process.poll() is not None

        ended = wait_until(has_ended, PATIENCE_S)
        if not ended:
            process.terminate()
        status = process.wait(PATIENCE_S)
    said = ((scratch / name).read_text() for name in ("out", "err"))
    return Demo(status, *said, started, report, temporary)


def programs_below(process: psutil.Popen) -> dict[int, str]:
    """The command lines of all descendants, now."""
    found = {}
    try:
        for child in process.children(recursive=True):
            found[child.pid] = " ".join(child.cmdline())
    except psutil.NoSuchProcess:
        pass
    return found


def counted(tree: Path, patterns: tuple[str, ...] = ()) -> tuple[int, int, int]:
    """Files, lines and bytes by find and wc; all files without patterns."""
    prune = " -o ".join(f"-name {shlex.quote(name)}" for name in LEFT_OUT)
    names = " -o ".join(f"-iname {shlex.quote(pattern)}" for pattern in patterns) or "-true"
    found = f"find {shlex.quote(str(tree))} -type d \\( {prune} \\) -prune -o -type f \\( {names} \\) -print0"
    return (
        shell_number(f"{found} | tr -dc '\\0' | wc -c"),
        shell_number(f"{found} | xargs -0 -r cat | wc -l"),
        shell_number(f"{found} | xargs -0 -r cat | wc -c"),
    )


def folders(tree: Path) -> int:
    """How many folders there are, by find."""
    prune = " -o ".join(f"-name {shlex.quote(name)}" for name in LEFT_OUT)
    return shell_number(f"find {shlex.quote(str(tree))} -type d \\( {prune} \\) -prune -o -type d -printf . | wc -c")


def shell_number(pipeline: str) -> int:
    return int(subprocess.run(["bash", "-o", "pipefail", "-c", pipeline], capture_output=True, check=True).stdout)


def reported(markdown: str) -> dict[str, tuple[int, int, int]]:
    """The rows of the report's table."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines() if line[:1] == "|"]
    figures = {name: [int(figure.replace(",", "")) for figure in rest] for name, *rest in rows[2:]}
    return {name: (files, lines, size) for name, (files, lines, size) in figures.items()}


def test_the_figures_are_those_of_find_and_wc_and_nothing_is_left(scratch: Path, tree: Path) -> None:
    demo = run_demo(scratch, str(tree))
    assert demo.status == 0, demo.err + demo.out
    figures = reported(demo.report.read_text())
    assert figures["**all**"] == counted(tree)
    for language, patterns in LANGUAGES.items():
        assert figures[language] == counted(tree, patterns), language
    assert sum(files for files, _, _ in figures.values()) == 2 * figures["**all**"][0]

    assert demo.report.read_text() in demo.out
    assert "STEP" in demo.out
    assert f"{folders(tree)} of {folders(tree)} items" in demo.out
    assert "›" in demo.out
    assert "stellwerk.v1.RunService/GetRun" in demo.out
    assert "\x1b" not in demo.out

    for program in ("postgres", "valkey-server", "stellwerk_server.cli up", "worker.py"):
        assert any(program in line for line in demo.started.values()), program
    assert gone_within(5, list(demo.started)), [demo.started[pid] for pid in living(list(demo.started))]
    assert list(demo.temporary.iterdir()) == []


def test_an_interrupted_demo_leaves_nothing_running(scratch: Path, tree: Path) -> None:
    temporary = scratch / "tmp"
    temporary.mkdir()
    command = [sys.executable, str(DEMO), str(tree), "--stay", "--report", str(scratch / "report.md")]
    environment = clean_environment({"TMPDIR": str(temporary)})
    with (scratch / "out").open("w") as out:
        process = psutil.Popen(command, stdout=out, stderr=out, env=environment)
        stays = wait_until(lambda: "Everything stays" in (scratch / "out").read_text(), PATIENCE_S)
        started = programs_below(process)
        process.terminate()
        process.wait(PATIENCE_S)
    assert stays, (scratch / "out").read_text()
    assert len(started) > 3
    assert gone_within(5, list(started))
    assert list(temporary.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_clear_failure(scratch: Path) -> None:
    demo = run_demo(scratch, str(scratch / "nowhere"))
    assert demo.status == 1
    assert "NoSuchFolder" in demo.out
    assert "Traceback" not in demo.out + demo.err
    assert gone_within(5, list(demo.started))
