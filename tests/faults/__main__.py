"""`python -m tests.faults`: a run under faults, its logs and its report; exit status 1 when anything was violated."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.report import write_report
from tests.faults.schedule import COUNTS
from tests.faults.trial import Options, Trial, say


def main() -> int:
    given = arguments()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="stellwerk-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    duration_s = given.hours * 3600 if given.hours else given.minutes * 60
    say(f"logs in {folder}")
    options = Options(folder, given.seed, duration_s, only=tuple(given.only or ()), rate=given.rate)
    return asyncio.run(run(options, hold=given.hold))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long faults happen (default 10)")
    parser.add_argument("--hours", type=float, help="the same in hours")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of schedule and load (default: the time)")
    parser.add_argument("--folder", type=Path, help="where the logs go (default: a new temporary folder)")
    parser.add_argument("--only", action="append", choices=sorted(COUNTS), help="only faults of this kind; repeatable")
    parser.add_argument("--rate", type=float, default=1.0, help="how many times as many faults as usual")
    parser.add_argument("--hold", action="store_true", help="keep the database until Ctrl-C, to look at it")
    return parser.parse_args()


async def run(options: Options, *, hold: bool) -> int:
    """The run and its report; a signal ends it in good order."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    judged = []

    async def judge(folder: Path, dsn: str) -> None:
        report = await asyncio.to_thread(write_report, folder, dsn)
        judged.append(report.ok)
        sys.stdout.write(report.text)
        if hold:
            say(f"the database stays until Ctrl-C: {dsn}")
            await asyncio.Event().wait()

    try:
        outcome = await Trial(options, say).run(judge)
    except asyncio.CancelledError:
        say("stopped")
        return 130
    for text in outcome.failed:
        say(f"the harness failed: {text}")
    for text, times in outcome.surprises.items():
        say(f"{text} ({times} times), and nobody had killed it")
    say(f"{outcome.left_open} runs left open, {outcome.last_stories_failed} last stories failed")
    return 0 if judged == [True] and not outcome.left_open else 1


if __name__ == "__main__":
    sys.exit(main())
