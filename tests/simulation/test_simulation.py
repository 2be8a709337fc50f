"""Some seeds of the simulation, the same seed twice, and bugs put in on purpose; `make soak` runs many more.

Each in a program of its own: its clocks and its chance are not those of the test.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from stellwerk_server.embedded import EmbeddedPostgres
from tests.support.databases import fresh_database

SEEDS = os.environ.get("STELLWERK_SIMULATION_SEEDS")
FIRST = os.environ.get("STELLWERK_SIMULATION_SEED", "1")
# Without a number of seeds as many as fit into that; a busy machine may be much slower for each.
FOR_S = "25"
PATIENCE_S = 900 if SEEDS is None else 60 + 60 * int(SEEDS)


def simulate(postgres: EmbeddedPostgres, *options: str) -> str:
    """What the program says; it must say that all is well."""
    with fresh_database(postgres) as dsn:
        command = [sys.executable, "-m", "tests.simulation", "--dsn", dsn, *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, f"{done.stdout[-20_000:]}\n{done.stderr[-5_000:]}"
    return done.stdout


@pytest.mark.timeout(PATIENCE_S)
def test_every_seed_keeps_the_promises(postgres: EmbeddedPostgres) -> None:
    many = ("--seeds", "100000", "--for", FOR_S) if SEEDS is None else ("--seeds", SEEDS)
    said = simulate(postgres, "--seed", FIRST, *many)
    assert "failed: []" in said


@pytest.mark.timeout(PATIENCE_S)
def test_a_seed_is_the_same_run_each_time(postgres: EmbeddedPostgres) -> None:
    assert "failed: []" in simulate(postgres, "--seed", "2", "--twice")


@pytest.mark.timeout(PATIENCE_S)
def test_bugs_of_whole_servers_are_caught(postgres: EmbeddedPostgres) -> None:
    assert "missed: []" in simulate(postgres, "--bugs", "--seed", "1", "--seeds", "12")
