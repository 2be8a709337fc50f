"""`make demo`: a whole Stellwerk and a census worker for as long as one run takes; leaves nothing but the report.

python examples/census/demo.py [FOLDER] [--report FILE] [--stay]
"""

import argparse
import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stellwerk import Client, Run, RunState, StellwerkError
from stellwerk_server.cli import watch
from stellwerk_server.cli.output import Output

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
STELLWERK = [sys.executable, "-m", "stellwerk_server.cli"]
STOP_S = 60


def main() -> int:
    options = parse()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # ends as Ctrl-C does: in good order
    report = options.report.absolute() if options.report else default_report()
    try:
        with tempfile.TemporaryDirectory(prefix="stellwerk-demo-") as data:
            return show(options.folder.resolve(), report, Path(data), options.stay)
    except KeyboardInterrupt:
        print("interrupted; everything is stopped", file=sys.stderr)
        return 130
    except StellwerkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Count the files, lines and bytes of a folder, durably.")
    parser.add_argument("folder", nargs="?", type=Path, default=REPOSITORY, help="default: this repository")
    parser.add_argument("--report", type=Path, help="where the Markdown goes (default: .stellwerk/census.md)")
    parser.add_argument("--stay", action="store_true", help="keep everything running until Ctrl-C")
    return parser.parse_args()


def default_report() -> Path | None:
    """In the repository's own scratch folder; nowhere when the checkout belongs to somebody else."""
    folder = REPOSITORY / ".stellwerk"
    try:
        folder.mkdir(exist_ok=True)
    except OSError:
        return None
    return folder / "census.md" if os.access(folder, os.W_OK) else None


def show(folder: Path, report: Path | None, data: Path, stay: bool) -> int:
    """Start everything, run the census, say how to look at it, stop everything."""
    with server(data) as ready:
        address = ready["address"]
        print(f"Postgres (pid {ready['postgres']['pid']}), Valkey (pid {ready['valkey']['pid']}) and the server run.")
        with worker(address) as pid:
            print(f"The census worker (pid {pid}) serves {address}.\n", flush=True)
            run = asyncio.run(census(address, folder, report))
            if run.state is RunState.SUCCEEDED:
                print_result(run)
            print_ways(address, run, stay)
            if stay:
                signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0 if run.state is RunState.SUCCEEDED else 1


async def census(address: str, folder: Path, report: Path | None) -> Run:
    """What any client would do: register the workflow, start a run, follow it."""
    async with Client(address) as client:
        await client.apply_workflow(HERE / "workflow.yaml")
        where = {"report": str(report)} if report else {}
        handle = await client.start("census", {"folder": str(folder), **where})
        await watch.follow(handle, Output(as_json=False), end=False)
        return await handle.get(include_steps=True)


def print_result(run: Run) -> None:
    print(f"\n{run.output['markdown']}")
    print(f"The report is in {run.output['report'] or 'the run, as there is no place here to write to'}")


def print_ways(address: str, run: Run, stay: bool) -> None:
    """The ways to look at a run, the first of them shown."""
    print(f"\n$ stellwerk run show {run.run_id}", flush=True)
    environment = {**os.environ, "STELLWERK_ADDRESS": address}
    subprocess.run([*STELLWERK, "run", "show", run.run_id], env=environment, check=False)
    ask = shlex.quote(json.dumps({"run_id": run.run_id}))
    print("\nOther ways to look at it:")
    print(f"  stellwerk run history {run.run_id}")
    print(f"  grpcurl -plaintext -d {ask} {address} stellwerk.v1.RunService/GetRun")
    print(f"  grpcurl -plaintext {address} list")
    if stay:
        print(f"Everything stays until Ctrl-C; first: export STELLWERK_ADDRESS={address}", flush=True)
    else:
        print("Now everything stops; `examples/census/demo.py --stay` keeps it, examples/census/README.md goes on.")


@contextmanager
def server(data: Path) -> Iterator[dict[str, Any]]:
    """`stellwerk up` on a free port; gives what its ready line says."""
    command = [*STELLWERK, "up", "--folder", str(data), "--port", "0", "--supervised", "--json"]
    # Its standard input is ours to hold: should we be killed, it ends with us.
    with program(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise StellwerkError("`stellwerk up` did not start; it said why above")
        yield json.loads(line)


@contextmanager
def worker(address: str) -> Iterator[int]:
    """The census worker; gives its pid."""
    environment = {**os.environ, "STELLWERK_ADDRESS": address}
    with program([sys.executable, str(HERE / "python" / "worker.py")], env=environment) as process:
        yield process.pid


@contextmanager
def program(command: list[str], **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program for the length of the block, ended in good order: asked first, then made to."""
    # A session of its own: Ctrl-C is for us, and we stop the programs in the right order.
    process = subprocess.Popen(command, start_new_session=True, **how)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


if __name__ == "__main__":
    sys.exit(main())
