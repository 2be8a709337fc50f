"""`python -m tests.bench`: one JSON line a workload. Must only choose and print."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from tests.bench.loads import LOADS, measure_load
from tests.bench.stack import Machine, Options, machine


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--workload", choices=[*LOADS], help="only this one")
    parser.add_argument("--seconds", type=float, default=10.0, help="of the measured window (default 10)")
    parser.add_argument("--runs-in-flight", type=int, help="instead of the workload's own number")
    parser.add_argument("--worker-slots", type=int, default=1000)
    parser.add_argument("--worker-polls", type=int, default=2)
    parser.add_argument("--commit-lanes", type=int, help="of the server (default: its own)")
    parser.add_argument("--uvloop", action="store_true", help="for worker and client too")
    return parser.parse_args()


def lines(bench: Machine, chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for workload in [chosen.workload] if chosen.workload else LOADS:
        yield measure_load(bench, workload, chosen.seconds, chosen.runs_in_flight)


def main() -> None:
    chosen = arguments()
    options = Options(chosen.worker_slots, chosen.worker_polls, chosen.uvloop, chosen.commit_lanes)
    with machine(options) as bench:
        for line in lines(bench, chosen):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
