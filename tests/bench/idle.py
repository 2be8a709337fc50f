"""The workload `idle`: what connected workers cost while there is nothing to do."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg

from tests.bench.child import Child
from tests.bench.stack import START_S, Installation, Machine
from tests.bench.waiters import WAIT_S

WORKERS = 1000
PARTS = 2
# Whole poll periods of the workers, so that each window has the same number of their renewals.
SECONDS = 2.0 * WAIT_S
SETTLE_S = 3.0

CALLS = """
SELECT query, calls FROM pg_stat_statements JOIN pg_database ON oid = dbid WHERE datname = current_database()
"""
COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


class Statements:
    """What Postgres counted in a database; our own look is not counted."""

    def __init__(self, admin: psycopg.Connection[Any]) -> None:
        self._admin = admin
        admin.execute("SET pg_stat_statements.track = 'none'")

    def calls(self) -> dict[str, int]:
        """Calls by statement so far; two users of one statement are added up."""
        found: dict[str, int] = {}
        for query, calls in self._admin.execute(CALLS):
            text = " ".join(query.split())
            found[text] = found.get(text, 0) + calls
        return found

    def commits(self) -> int:
        """Transactions so far, ours and autovacuum's included."""
        row = self._admin.execute(COMMITS).fetchone()
        assert row
        return int(row[0])


def measure_idle(machine: Machine) -> dict[str, Any]:
    """One JSON line: queries a second and CPU in percent of a core, with 1,000 workers waiting."""
    with machine.installation(statements=True) as installation, _waiters(installation):
        time.sleep(SETTLE_S)
        with psycopg.connect(installation.dsn, autocommit=True) as admin:
            statements, meter = Statements(admin), installation.meter()
            calls, commits = statements.calls(), statements.commits()
            before = meter.look()
            time.sleep(SECONDS)
            after = meter.look()
            took_s = after.at_s - before.at_s
            rates = {
                text[:70]: round((count - calls.get(text, 0)) / took_s, 2)
                for text, count in statements.calls().items()
                if count > calls.get(text, 0)
            }
            commits = statements.commits() - commits
            rss = meter.rss_mib()
    return {
        "workload": "idle",
        "workers": WORKERS,
        "seconds": round(took_s, 1),
        "queries_per_s": round(sum(rates.values()), 2),
        "commits_per_s": round(commits / took_s, 2),
        "cpu_percent_of_a_core": after.percent_of_a_core(before),
        "others_cpu_percent": after.others_percent(before),
        "rss_mib": rss,
        "queries": dict(sorted(rates.items(), key=lambda item: -item[1])),
    }


@contextmanager
def _waiters(installation: Installation) -> Iterator[None]:
    """All the workers, once every one of them has been greeted."""
    with ExitStack() as parts:
        waiters = [
            parts.enter_context(
                Child.part(
                    "waiters",
                    installation.machine.folder,
                    address=installation.address,
                    workers=WORKERS // PARTS,
                    name=f"idle-{part}",
                )
            )
            for part in range(PARTS)
        ]
        for waiter in waiters:
            waiter.hear("waiting", START_S)
        yield
