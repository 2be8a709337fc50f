"""`python -m tests.bench`: one JSON line a workload. Must only choose and print."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tests.bench import yardstick
from tests.bench.backlog import measure_backlog
from tests.bench.code import measure_long, measure_sleepers
from tests.bench.fanout import measure_fanout
from tests.bench.idle import measure_idle
from tests.bench.languages import LANGUAGES, NotBuilt, worker_command
from tests.bench.loads import LOADS, measure_load
from tests.bench.memory import measure_memory
from tests.bench.stack import Machine, Options, machine
from tests.bench.triggers import measure_triggers
from tests.bench.up import measure_up

OTHERS: dict[str, Callable[[Machine], dict[str, Any]]] = {
    "idle": measure_idle,
    "backlog": measure_backlog,
    "up": measure_up,
    "memory": measure_memory,
    "code-long": measure_long,
    "code-sleep": measure_sleepers,
    "sse-fanout": measure_fanout,
    "http-trigger": measure_triggers,
}
# Takes minutes, so it wants to be asked for.
BY_NAME_ONLY = {"memory"}


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--workload", choices=[*LOADS, *OTHERS], help="only this one (default: all but memory)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of the measured window (default 10)")
    parser.add_argument("--runs-in-flight", type=int, help="instead of the workload's own number")
    parser.add_argument("--worker", choices=LANGUAGES, default="python", help="its language (default python)")
    parser.add_argument("--worker-slots", type=int, default=1000, help="tasks the worker runs at once (default 1000)")
    parser.add_argument("--worker-polls", type=int, default=2, help="polls the worker holds open (default 2)")
    parser.add_argument("--server-processes", type=int, default=1, help="servers that share the port (default 1)")
    parser.add_argument("--uvloop", action="store_true", help="worker and client on uvloop, too")
    parser.add_argument(
        "--yardstick",
        nargs="?",
        const="",
        metavar="FOLDER",
        help="compare seq3 with the yardstick there (default: STELLWERK_YARDSTICK, else ../shared/yardstick)",
    )
    return parser.parse_args(given)


def lines(bench: Machine, chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if chosen.yardstick is not None:
        folder = yardstick.folder_of(chosen.yardstick)
        if folder is None:
            sys.exit(f"--yardstick: expected a folder with the yardstick's server.py, came {chosen.yardstick!r}")
        yield from yardstick.compare(bench, folder, chosen.seconds)
        return
    for workload in [chosen.workload] if chosen.workload else [w for w in [*LOADS, *OTHERS] if w not in BY_NAME_ONLY]:
        if workload in LOADS:
            yield measure_load(bench, workload, chosen.seconds, chosen.runs_in_flight)
        else:
            yield OTHERS[workload](bench)


def main() -> None:
    chosen = arguments()
    try:
        worker_command(chosen.worker)
    except NotBuilt as missing:
        sys.exit(f"--worker {chosen.worker}: {missing}")
    options = Options(chosen.worker_slots, chosen.worker_polls, chosen.uvloop, chosen.server_processes, chosen.worker)
    with machine(options) as bench:
        for line in lines(bench, chosen):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
