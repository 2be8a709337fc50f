"""Every open run the model can reach has an explanation, and doing what it says makes the run move."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from stellwerk_server.commit.poll import Poll
from stellwerk_server.dispatch.causes import Cause, Kind
from stellwerk_server.dispatch.explaining import Explainer, Explanation
from stellwerk_server.model import commands as c
from stellwerk_server.model.code import DECISION
from stellwerk_server.model.failure import Failure
from stellwerk_server.model.payload import from_value
from tests.model.code import Code
from tests.model.heart import Heart
from tests.model.playing import examples, play
from tests.model.servers import Servers
from tests.model.virtual import Database

EXAMPLES = examples(3)
# Nobody else ever says this, so it is never taken for a repeat.
SAID = from_value("by the explanation")


class Explaining(Servers):
    """Somebody who asks why runs do not go on, and does something about it. What others know of runs stays as it is."""

    words = 0

    @rule(server=st.integers(0, 1), picks=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 2)), max_size=5))
    def act(self, server: int, picks: list[tuple[int, int]]) -> None:
        """All open runs are explained; for some of them one of the first causes is done away with."""
        for run in self.open_runs():
            self.explained(server, run)
        for number, place in picks:
            if runs := self.open_runs():
                self.make_it_move(server, self.pick(number, runs), place)
                self.everything_holds()

    def teardown(self) -> None:
        try:
            for run in self.open_runs():
                if run in self.open_runs():
                    self.make_it_move(0, run, 0)
        finally:
            super().teardown()

    def open_runs(self) -> list[int]:
        """Every run that has not ended."""
        return [row["id"] for row in self.database.rows("select id from runs where state < 5 order by id")]

    def explained(self, server: int, run: int) -> Explanation:
        """What this server says of the run, which is open."""
        one = self.servers[server]
        (row,) = self.database.rows(
            "select n.name from runs r join namespaces n on n.id = r.namespace_id where r.id = %s", run
        )
        explainer = Explainer(one.pool, one.workflows, one.waiting, one.committer)
        found = self.run(explainer.explain(row["name"], run))
        assert found is not None
        kinds = {cause.kind for cause in found.causes}
        assert not kinds & {Kind.STALLED, Kind.ENDED, Kind.DATABASE_DOWN}, found.summary
        assert any(kind is not Kind.CANCELLING for kind in kinds), found.summary
        assert found.causes == sorted(found.causes, key=lambda cause: cause.order)
        assert all(cause.sentence and "\n" not in cause.sentence for cause in found.causes)
        return found

    def make_it_move(self, server: int, run: int, place: int) -> None:
        """Do what one of its causes asks for, and see that something has happened to it, or to its child."""
        found = self.explained(server, run)
        causes = [cause for cause in found.causes if cause.kind is not Kind.CANCELLING]
        cause = causes[place % len(causes)]
        if cause.kind is Kind.CHILD_RUN:
            assert cause.child is not None
            assert cause.child_summary == self.explained(server, cause.child).summary
            self.make_it_move(server, cause.child, 0)
            return
        before = self._standing(run)
        self._act(server, run, cause)
        assert self._standing(run) != before, cause

    def _standing(self, run: int) -> list[Any]:
        """How far its history has come, who holds what, and whether its code waits to be asked."""
        return [
            self.database.rows("select seq, state from runs where id = %s", run),
            self.database.rows("select step, token from leases where run_id = %s order by step", run),
            self.database.rows("select step from ready where run_id = %s and step = %s", run, DECISION),
        ]

    def _act(self, server: int, run: int, cause: Cause) -> None:
        if cause.kind in (Kind.NO_WORKER, Kind.WORKERS_BUSY, Kind.QUEUED):
            self._start_worker(server, run, cause)
        elif cause.kind in (Kind.TIMER, Kind.BACKING_OFF):
            assert cause.due_at is not None
            self.database.set_clock(max(self.database.now, cause.due_at))
            self.look_at_clock(server)
        elif cause.kind is Kind.NEWS:
            self.look_at_clock(server)
        else:
            self.submit(server, self._command(run, cause))

    def _command(self, run: int, cause: Cause) -> c.Command:
        if cause.kind is Kind.SIGNAL:
            self.words += 1
            # The model leaves ids with a stroke to whoever sends them.
            return c.SignalRun(run, c.Signal(cause.signal, f"told/{self.words}", SAID))
        if cause.kind is Kind.DEAD_LETTER:
            return c.RequeueStep(run, cause.step, cause.attempt)
        if cause.kind is Kind.PARKED:
            return c.ResumeRun(run)
        assert cause.kind is Kind.LEASED, cause
        (lease,) = self.database.rows(
            "select attempt, token, worker from leases where run_id = %s and step = %s", run, cause.step or DECISION
        )
        assert (lease["attempt"], lease["worker"]) == (cause.attempt, cause.worker)
        token = (run, cause.step or DECISION, lease["attempt"], lease["token"])
        if cause.step:
            return c.CompleteStep(*token, SAID)
        return c.FailStep(*token, Failure("Boom", "the explanation says so"))

    def _start_worker(self, server: int, run: int, cause: Cause) -> None:
        """A worker that serves just that action on that queue is handed a task of the run."""
        one = self.servers[server]
        (row,) = self.database.rows("select namespace_id from runs where id = %s", run)
        lane = self.run(one.workflows.lane(row["namespace_id"], cause.queue, cause.action))

        async def wait() -> None:
            poll = Poll("w-explained", (lane,), cause.ahead + 1, asyncio.get_running_loop().create_future())
            one.waiting.add(poll)
            self.polls.append((one, poll))
            one.pulse(poll)

        before = self._standing(run)
        for _ in range(5):
            self.run(wait())
            self.hand_out()
            if self._standing(run)[1] != before[1]:
                return


class ExplainedHeart(Explaining, Heart):
    """Runs that follow a definition."""


class ExplainedCode(Explaining, Code):
    """Runs of code."""


@pytest.mark.timeout(max(900, 4 * EXAMPLES))
@pytest.mark.parametrize("machine", [ExplainedHeart, ExplainedCode])
def test_doing_what_an_explanation_says_makes_the_run_move(
    machine: type[Explaining], virtual_database: Database
) -> None:
    play(machine, EXAMPLES)
