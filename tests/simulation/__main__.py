"""`python -m tests.simulation`: runs seeds one after the other on a database of its own and says which one fails.

`--seed N` runs one and `--trace FILE` writes down all of it. Started anew with a fixed PYTHONHASHSEED, so that sets of
texts have the same order each time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback
from pathlib import Path

from stellwerk_server.embedded import EmbeddedPostgres
from stellwerk_server.store.migrate import migrate
from tests.simulation.chance import real_s
from tests.simulation.postgres import Postgres, prepare
from tests.simulation.seeded import BUGS
from tests.simulation.world import World
from tests.support.databases import FAST_AND_FORGETFUL, fresh_database


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--for", type=float, dest="for_s", default=float("inf"), help="begin no other one after that")
    parser.add_argument("--keep-going", action="store_true", help="also after a seed that fails")
    parser.add_argument("--trace", type=Path, help="a file for everything that happens")
    parser.add_argument("--bugs", action="store_true", help="plant each bug of seeded.py; a seed must catch it")
    parser.add_argument("--twice", action="store_true", help="run each seed twice; its two traces must be the same")
    parser.add_argument("--dsn", help="an empty database; without it one is made")
    options = parser.parse_args()
    if options.dsn:
        return play(options.dsn, options)
    with (
        tempfile.TemporaryDirectory(prefix="stellwerk-simulation-") as folder,
        EmbeddedPostgres.start(Path(folder), settings=FAST_AND_FORGETFUL) as server,
        fresh_database(server) as dsn,
    ):
        return play(dsn, options)


def play(dsn: str, options: argparse.Namespace) -> int:
    """Do what was asked for."""
    migrate(dsn)
    prepare(dsn)
    postgres = Postgres(dsn)
    try:
        return catch(postgres, options) if options.bugs else run_all(postgres, options)
    finally:
        postgres.close()


def run_all(postgres: Postgres, options: argparse.Namespace) -> int:
    """Run the seeds."""
    began_s, done, failed = real_s(), 0, list[int]()
    for seed in range(options.seed, options.seed + options.seeds):
        if real_s() - began_s > options.for_s or (failed and not options.keep_going):
            break
        done += 1
        digest = run(postgres, seed, options.trace)
        if digest is None or (options.twice and run(postgres, seed, options.trace) != digest):
            failed.append(seed)
    say(f"{done} seeds in {real_s() - began_s:.1f} s, failed: {failed}")
    return 1 if failed else 0


def catch(postgres: Postgres, options: argparse.Namespace) -> int:
    """Plant one bug after the other and see that a seed fails; the one that did last time comes first."""
    missed = []
    for bug in BUGS:
        with bug.planted():
            seeds = [bug.seed, *range(options.seed, options.seed + options.seeds)]
            caught = next((seed for seed in seeds if run(postgres, seed, None, quiet=True) is None), None)
        say(f"{bug.name}: {'missed' if caught is None else f'caught by seed {caught}'}")
        missed += [bug.name] if caught is None else []
    say(f"{len(BUGS)} bugs, missed: {missed}")
    return 1 if missed else 0


def run(postgres: Postgres, seed: int, trace: Path | None, *, quiet: bool = False) -> str | None:
    """Run one: the digest of what happened. When something is wrong, says what and how to see it again."""
    world = World(postgres, seed, trace)
    try:
        outcome = world.play()
    except Exception as problem:
        if quiet:
            say(f"  seed {seed} at {world.loop.time():.3f} s: {str(problem)[:150]!r}")
            return None
        say(world.trace.tail())
        say("".join(traceback.format_exception(problem)))
        say(f"seed {seed} at {world.loop.time():.3f} s: {type(problem).__name__}: {problem}")
        say(f"run it again: python -m tests.simulation --seed {seed} --trace FILE")
        return None
    if not quiet:
        say(f"seed {seed} {outcome}")
    return outcome.digest


def say(text: str) -> None:
    """For whoever started this."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        os.execve(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]], environment)
    # What coroutines of dead hosts meet when they are collected is nobody's business.
    sys.unraisablehook = lambda unraisable: None
    sys.exit(main())
