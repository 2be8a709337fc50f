"""Looks at the tables while a run goes on: what must hold always, and what must hold in time once nothing is broken."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any

from stellwerk_server import definition
from stellwerk_server.model import ids
from stellwerk_server.model.commands import Workflow
from stellwerk_server.model.definition import OnFailure
from stellwerk_server.model.states import DeadLetterState
from stellwerk_server.store import sql
from tests.model.checks import Tables
from tests.model.virtual import Database
from tests.simulation.chance import instant
from tests.simulation.ledger import Violation

if TYPE_CHECKING:
    from stellwerk_server.model.events import Instant
    from tests.simulation.loop import VirtualLoop
    from tests.simulation.postgres import Postgres
    from tests.simulation.world import World

_OVERVIEW = sql.load("overview")
_EVERY_S = 0.5
# I20, I21, I22; and how long the tasks of a worker whose line broke may stay with it.
_READY_S, _TIMER_S, _LEASE_S, _DEAD_S = 2.0, 1.0, 2.0, 3.0
# How many looks go by until everything is checked.
_WHOLE_EVERY = 23


class Look(Database):
    """The model's look at the tables, at the loop's time."""

    def __init__(self, postgres: Postgres, loop: VirtualLoop) -> None:
        self._postgres = postgres
        self._loop = loop

    @property
    def connection(self) -> Any:  # type: ignore[override]
        """The one that looks from outside."""
        return self._postgres.admin

    @property
    def now(self) -> Instant:  # type: ignore[override]
        """What the database's clock says."""
        return instant(self._loop)


class Settled(Tables):
    """The model's checks; clients of ours also give up dead letters that no run waits for, which is no event."""

    def _resolution(self, run_id: int, step: str, attempt: int) -> DeadLetterState:
        resolution = super()._resolution(run_id, step, attempt)
        run = self.folds[run_id]
        if (
            resolution is not DeadLetterState.OPEN
            or self.dead[run_id, step, attempt]["state"] != DeadLetterState.DISCARDED
        ):
            return resolution
        waits = not run.state.terminal and run.steps[step].definition.on_failure is not OnFailure.CONTINUE
        return resolution if waits else DeadLetterState.DISCARDED


class Watch:
    """Whoever finds something wrong says so by raising it."""

    def __init__(self, world: World) -> None:
        self._world = world
        # Nothing is broken, and what was has had time to heal.
        self.strict = False
        # When workers died that had a line.
        self.died: dict[str, float] = {}
        self._workflow = cache(self._load)

    async def run(self) -> None:
        """Look twice a second."""
        looks = 0
        while True:
            await asyncio.sleep(_EVERY_S)
            looks += 1
            self.check_problems()
            if self.strict:
                self._check_times()
            if looks % _WHOLE_EVERY == 0:
                self.check_tables()

    def check_all(self) -> None:
        """At the end: the tables, what was acknowledged, and that nothing stands still."""
        self.check_problems()
        tables = self.check_tables()
        self._world.ledger.compare(tables)
        self._check_stalled(0.0)

    def check_problems(self) -> None:
        """What others have found."""
        if self._world.trace.problems:
            raise Violation("\n".join(self._world.trace.problems))

    def check_tables(self) -> Tables:
        """Every row is the fold of its history, and so on; an assertion of the model says what is not."""
        tables = Settled(self._world.look, self._workflow)
        tables.check()
        self._check_stalled(10.0)
        return tables

    def check_open(self, run_id: int) -> None:
        """Somebody was told that a run has not ended yet."""
        if not self.strict:
            return
        rows = self._world.look.rows(
            "select state, ended_at, clock_timestamp() as now from runs"
            " where id = %s and ended_at < clock_timestamp() - make_interval(secs => %s)", run_id, _READY_S
        )  # fmt: skip
        if rows:
            raise Violation(f"{ids.show(run_id)} has ended, and who waits for it is not told: {rows}")

    def explain(self, run_ids: list[int]) -> str:
        """What there is of runs that do not end."""
        look = self._world.look
        told = []
        for run_id in run_ids[:5]:
            run = look.rows("select state, block_reason from runs where id = %s", run_id)
            steps = look.rows("select key, state, attempt, due_at from steps where run_id = %s", run_id)
            parts = [ids.show(run_id), str(run), str(steps)]
            for table in ("ready", "leases", "timers"):
                parts.append(f"{table}: {[row for row in look.all(table) if row['run_id'] == run_id]}")
            told.append("\n  ".join(parts))
        return f"{len(run_ids)}\n" + "\n".join(told)

    def _check_stalled(self, older_s: float) -> None:
        look = self._world.look
        for row in look.rows("select id from namespaces"):
            columns = {"namespace": row["id"], "after": 0, "count": 10_000, "older_s": older_s}
            for found in self._world.postgres.admin.execute(_OVERVIEW.stalled_runs, columns):
                if found[2]:
                    raise Violation(f"nothing will move {found[2:]}: {self.explain(found[2])}")

    def _check_times(self) -> None:
        self._check_ready()
        self._check_leases()
        late = self._world.look.rows(
            "select run_id, step, kind, due_at, clock_timestamp() as now from timers"
            " where due_at < clock_timestamp() - make_interval(secs => %s)", _TIMER_S
        )  # fmt: skip
        if late:
            raise Violation(f"I21: timers are late: {late}")

    def _check_ready(self) -> None:
        """I20: a step that is ready goes to a poll that waits."""
        now_s = self._world.loop.time()
        waiting = {
            action
            for worker in self._world.workers
            if not worker.host.frozen and any(now_s - since_s > _READY_S for since_s in worker.polls.values())
            for action in worker.actions
        }
        rows = self._world.look.rows(
            "select l.action, r.run_id, r.step, r.at, clock_timestamp() as now from ready r"
            " join lanes l on l.id = r.lane where r.at < clock_timestamp() - make_interval(secs => %s) order by r.at",
            _READY_S,
        )
        if left := [row for row in rows if row["action"] in waiting]:
            raise Violation(f"I20: steps are ready, polls wait: {left}")

    def _check_leases(self) -> None:
        """I22: what a dead worker held goes out again."""
        now_s = self._world.loop.time()
        dead = [name for name, died_s in self.died.items() if now_s - died_s > _DEAD_S]
        rows = self._world.look.rows(
            "select run_id, step, worker, leased_at, expires_at, clock_timestamp() as now from leases"
            " where expires_at < clock_timestamp() - make_interval(secs => %s) or worker = any(%s)", _LEASE_S, dead
        )  # fmt: skip
        if rows:
            raise Violation(f"I22: leases of nobody: {rows}")

    def _load(self, workflow_id: int) -> Workflow:
        row = self._world.look.rows(
            "select w.*, n.name as namespace from workflows w"
            " join namespaces n on n.id = w.namespace_id where w.id = %s",
            workflow_id,
        )[0]
        compiled = definition.compile(row["definition"])
        return Workflow(workflow_id, row["namespace_id"], row["namespace"], row["name"], row["version"], compiled, ())
