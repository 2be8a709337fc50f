"""Runs of code under random commands from two servers: the machine is the code, its workers and everybody else."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from stellwerk.v1 import worker_pb2
from stellwerk_server.commit.outcome import Applied, Decided, Outcome
from stellwerk_server.commit.poll import Grant
from stellwerk_server.model import code as m
from stellwerk_server.model import commands as c
from stellwerk_server.model.errors import Refused, Unavailable
from stellwerk_server.model.events import SECOND, EventType, TimerKind
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.payload import from_value
from stellwerk_server.model.states import StepState
from stellwerk_server.rpc.forks import Forks
from stellwerk_server.rpc.registration import Registration
from tests.model.coding import Coding, View
from tests.model.cutting import cut
from tests.support.instance import changed, complete, fail, release

PICK = st.integers(0, 11)
SERVER = st.integers(0, 1)
VALUE = st.integers(0, 3)
WANTED = st.lists(
    st.sampled_from(
        ["action", "action", "retried", "timed", "now", "sleep", "signal", "signal in time", "child", "left child",
         "nobody", "local", "local fails", "cancel", "cancel", "publish", "attributes", "patch"]
    ),
    max_size=5,
)  # fmt: skip
MEANWHILE = st.sampled_from(["", "step", "step", "signal", "timer"])
END = st.sampled_from(["", "", "", "", "", "", "succeed", "fail", "cancelled", "continue"])
LOST = st.sampled_from([False, False, False, True])
LOOKS = st.lists(st.tuples(WANTED, st.booleans(), END, MEANWHILE), min_size=2, max_size=7)


class Code(Coding):
    """What code, its workers and the outside world may do, in any order."""

    # starts

    @initialize(server=SERVER, workflows=st.lists(st.sampled_from([0, 0, 1, 2]), min_size=2, max_size=3))
    def some_runs(self, server: int, workflows: list[int]) -> None:
        """There is something to decide from the first rule on."""
        for workflow in workflows:
            self.start(server, workflow, 0, False)

    @rule(server=SERVER, workflow=st.sampled_from([0, 0, 0, 1, 2]), value=VALUE, signal=st.booleans())
    def start(self, server: int, workflow: int, value: int, signal: bool) -> None:
        fields: dict[str, Any] = {"timeout_s": 60.0} if value == 3 else {}
        if signal:
            fields["signal"] = c.Signal("go", "first", from_value("first"))
        instance = self.servers[server]
        self.runs.append(self.run(instance.begin(self.workflows[workflow], {"n": value}, **fields)))
        if signal:
            self.told_once[self.runs[-1], "first"] = from_value("first")

    # workers

    @rule(server=SERVER, size=st.integers(1, 4))
    def poll(self, server: int, size: int) -> None:
        if len(self.polls) < 3:
            self._poll(server, size)

    @rule(number=PICK)
    def leave(self, number: int) -> None:
        if self.polls:
            self.pick(number, self.polls)[1].close()

    @rule(server=SERVER, number=PICK, value=VALUE, how=st.sampled_from(["well", "well", "well", "fails", "dies"]))
    def finish(self, server: int, number: int, value: int, how: str) -> None:
        grant = self.any_of(server, number, decision=False)
        if grant is None:
            return
        current = self.leased(grant)
        command = complete(grant, value) if how == "well" else fail(grant, terminal=how == "dies")
        outcome = self.submit(server, command)
        assert changed(outcome) == current, outcome
        assert current or isinstance(outcome, Refused), outcome
        if current and how == "well":
            self.recorded[grant.run_id, grant.step] = from_value(value)
        self.spent(grant)

    @rule(server=SERVER, number=PICK, decision=st.booleans())
    def give_back(self, server: int, number: int, decision: bool) -> None:
        grant = self.any_of(server, number, decision=decision)
        if grant is not None:
            self.submit(server, release(grant))
            self.spent(grant)

    # decisions

    @rule(server=SERVER, number=PICK, wanted=WANTED, keep=st.booleans(), end=END, twice=st.integers(0, 2), lost=LOST)
    def decide(
        self, server: int, number: int, wanted: list[str], keep: bool, end: str, twice: int, lost: bool = False
    ) -> None:
        """The code has looked; its answer may be lost, so that it is sent again, here or there."""
        grant = self.any_of(server, number, decision=True)
        if grant is None:
            return
        keep = keep and not end
        commands = self.wanted(grant, wanted, end)
        command = self.answer(grant, commands, keep=keep)
        if not self.leased(grant):
            self._refused(server, command, "LEASE_LOST")
            self.spent(grant)
            return
        if self.waits_for_nothing(command):
            self._refused(server, command, "WaitsForNothing")
            command = self.answer(grant, [*commands, self.action()], keep=keep)
        length = len(self.events(grant.run_id))
        outcome = self._lose(server, command) if lost and not keep else self.submit(server, command)
        assert isinstance(outcome, Decided), outcome
        self.note_answer(command, length, outcome)
        if not keep:
            self.spent(grant)
        if twice or lost:
            self._repeat(server if twice == 1 else 1 - server, command)

    def _lose(self, server: int, command: c.CompleteDecision) -> Outcome:
        """It is recorded, and nobody hears of it; so it is said again."""
        with cut(self.servers[server], committed=True):
            assert isinstance(self.submit(server, command), Unavailable)
        self.hand_out()
        return self.submit(1 - server, command)

    def _play(self, server: int, number: int, looks: list[tuple[list[str], bool, str, str]]) -> None:
        """A run moves on: with things that happen to it while its decisions are out."""
        for wanted, keep, end, meanwhile in looks:
            grant = self.any_of(server, number, decision=True)
            if grant is None:
                return
            if meanwhile == "step":
                self.finish(1 - server, number, 1, "well")
            elif meanwhile == "signal":
                self.names += 1
                self._tell(1 - server, c.SignalRun(grant.run_id, c.Signal("go", f"n{self.names}", from_value(1))), 1)
            elif meanwhile == "timer":
                self.tick(1 - server, number, 0)
            if grant in self.held:
                place = self.held.index(grant)
                self.held.insert(0, self.held.pop(place))
                self.decide(server, 0, wanted, keep, end, number % 3)
            self.everything_holds()

    # Every rule is as likely as any other, so what runs need to come far is several of them.
    play = rule(server=SERVER, number=PICK, looks=LOOKS)(_play)
    and_on = rule(server=SERVER, number=PICK, looks=LOOKS)(_play)
    and_further = rule(server=SERVER, number=PICK, looks=LOOKS)(_play)

    def _repeat(self, server: int, command: c.CompleteDecision) -> None:
        """I5: sent again after a lost reply; a kept one has its worker read the history."""
        before = self.digest()
        outcome = self.submit(server, command)
        assert isinstance(outcome, Decided), outcome
        assert self.digest() == before
        if command.keep and self.told.get(command.run_id, 0) > command.sequence:
            assert outcome.journal is not None
            assert outcome.journal.after != command.sequence
            assert outcome.journal.sequence == self.told[command.run_id]

    def _refused(self, server: int, command: c.CompleteDecision, reason: str) -> None:
        """I4: it changes nothing, and is never said to be right."""
        before = self.digest()
        outcome = self.submit(server, command)
        assert self.digest() == before
        assert isinstance(outcome, Refused), outcome
        assert outcome.reason == reason

    @rule(server=SERVER, number=PICK, keep=st.booleans())
    def zombie(self, server: int, number: int, keep: bool) -> None:
        """I4: an answer with a token that is no longer current, or was forged."""
        used = [grant for grant, _ in self.used if grant.step == m.DECISION]
        if not used:
            return
        grant = self.pick(number, used[::-1])
        if number % 3 == 0:
            grant = grant._replace(secret=bytes(16))
            self.views[grant.secret] = View(grant, 1)
        if not self.leased(grant):
            self._refused(server, self.answer(grant, [self.action()], keep=keep), "LEASE_LOST")

    @rule(server=SERVER, number=PICK, type=st.sampled_from(["Boom", "Boom", "NonDeterminism"]), terminal=st.booleans())
    def decision_fails(self, server: int, number: int, type: str, terminal: bool) -> None:
        grant = self.any_of(server, number, decision=True)
        if grant is not None:
            self._decision_fails(server, grant, fail(grant, type, terminal=terminal))

    def _decision_fails(self, server: int, grant: Grant, command: c.FailStep) -> None:
        current = self.leased(grant)
        outcome = self.submit(server, command)
        assert changed(outcome) == current, outcome
        self.spent(grant)
        if current:
            row = self.database.rows("select state from runs where id = %s", grant.run_id)[0]
            assert row["state"] == 4 or not (command.failure.terminal or command.failure.type == "NonDeterminism")

    @rule(server=SERVER, number=PICK, how=st.sampled_from(["fails", "lost"]))
    def poison(self, server: int, number: int, how: str) -> None:
        """Whoever gets the decision fails, until the run is parked."""
        grant = self.any_of(server, number, decision=True)
        if grant is None:
            return
        run = grant.run_id
        for _ in range(24):
            mine = [g for g in self.held if (g.run_id, g.step) == (run, m.DECISION) and self.leased(g)]
            due = self._due(run)
            if mine and how == "lost":
                failure = Failure("WorkerLost", "gone", category=Category.WORKER_LOST)
                place = (run, m.DECISION, mine[0].attempt, mine[0].secret)
                self.submit(server, c.ExpireLease(*place, failure))
            elif mine:
                self._decision_fails(server, mine[0], fail(mine[0]))
            elif due:
                self.database.set_clock(max(self.database.now, due[0]["due_at"]))
                self.submit(server, c.FireTimer(run, m.DECISION, TimerKind.RETRY, 0))
            elif self.database.rows("select 1 from ready where run_id = %s and step = %s", run, m.DECISION):
                self._poll(server, 4)
            else:
                break
            self.everything_holds()
        row = self.database.rows("select state, block_reason from runs where id = %s", run)[0]
        if self.leased_ones(run):
            return
        assert row["state"] >= 4

    def _due(self, run: int) -> list[dict[str, Any]]:
        sql = "select due_at from timers where run_id = %s and step = %s and kind = 1"
        return self.database.rows(sql, run, m.DECISION)

    def leased_ones(self, run: int) -> list[dict[str, Any]]:
        """The decision of the run that is out or queued, or whose code has nothing to see."""
        fold = self.tables().folds[run]
        assert fold.code is not None
        return [{}] if not fold.code.due else []

    # time

    @rule(server=SERVER, number=PICK, off=st.sampled_from([-1, 0, 0, 1]))
    def tick(self, server: int, number: int, off: int) -> None:
        """To a moment that matters, give or take a microsecond; then everything looks at the clock."""
        moments = [row["due_at"] for row in self.database.all("timers")]
        moments += [row["expires_at"] for row in self.database.all("leases")]
        moment = self.pick(number, sorted(set(moments))) if moments else self.database.now + SECOND
        self.database.set_clock(max(self.database.now, moment + off))
        self.look(server)

    @rule(server=SERVER)
    def look(self, server: int) -> None:
        self.look_at_clock(server)

    # everybody else

    @rule(server=SERVER, number=PICK, name=st.sampled_from(["go", "go", "stop", "no"]), id=VALUE, twice=st.booleans())
    def signal(self, server: int, number: int, name: str, id: int, twice: bool) -> None:
        if self.runs:
            payload = from_value([name, id, len(self.told_once)])
            run = self.pick(number, self.open_first())
            self._tell(server, c.SignalRun(run, c.Signal(name, str(id), payload)), 1 + twice)

    def _tell(self, server: int, command: c.SignalRun, times: int) -> None:
        outcomes = self.run(self.servers[server].submit(*[command] * times))
        assert sum(map(changed, outcomes)) <= 1
        if any(map(changed, outcomes)):
            self.told_once[command.run_id, command.signal.id] = command.signal.payload

    @rule(server=SERVER, number=PICK)
    def cancel(self, server: int, number: int) -> None:
        """A run whose code never looked ends at once; others are told, once."""
        if not self.runs:
            return
        run = self.pick(number, self.runs)
        row = self.database.rows("select state, decided from runs where id = %s", run)[0]
        outcome = self.submit(server, c.CancelRun(run, ""))
        if row["state"] >= 5:
            assert isinstance(outcome, Refused) or not outcome.changed  # type: ignore[union-attr]
        elif row["decided"]:
            assert isinstance(outcome, Applied)
            assert outcome.changed == (run not in self.asked and not self._asked(run, before=True))
            self.asked.add(run)
            again = self.submit(1 - server, c.CancelRun(run, ""))
            assert isinstance(again, Refused) or not changed(again), "it is asked once"
        else:
            self.ended.add(run)

    def _asked(self, run: int, *, before: bool) -> bool:
        requests = [e for e in self.events(run) if e.type is EventType.RUN_CANCEL_REQUESTED]
        assert len(requests) == 1
        return before and requests[0].seq < len(self.events(run))

    @rule(server=SERVER, number=PICK)
    def terminate(self, server: int, number: int) -> None:
        if self.runs:
            run = self.pick(number, self.runs)
            if isinstance(self.submit(server, c.TerminateRun(run, "")), Applied):
                self.ended.add(run)

    @rule(server=SERVER, number=PICK)
    def resume(self, server: int, number: int) -> None:
        parked = self.database.rows("select run_id from parked order by run_id")
        if parked:
            outcome = self.submit(server, c.ResumeRun(self.pick(number, parked)["run_id"]))
            assert changed(outcome)

    @rule(server=SERVER, name=st.sampled_from(["code", "other"]))
    def another_build(self, server: int, name: str) -> None:
        """A worker with other code comes: what is parked of that workflow goes on."""
        instance = self.servers[server]
        registration = Registration(instance.pool, instance.workflows, instance.committer, set())
        hello = worker_pb2.HeartbeatRequest(workflows=[name], build="b2")
        self.run(registration.register(1, "default", hello))
        assert not self.database.rows("select 1 from parked where workflow = %s", name)

    @rule(server=SERVER, number=PICK, end=st.sampled_from([c.CancelRun, c.TerminateRun]))
    def race(self, server: int, number: int, end: Any) -> None:
        """I9: an answer and an end at once, from two servers."""
        grant = self.any_of(server, number, decision=True)
        if grant is None or not self.leased(grant):
            return
        command = self.answer(grant, [self.action()], keep=False)
        one, other = self.servers[server], self.servers[1 - server]

        async def both() -> list[list[Outcome]]:
            return list(await asyncio.gather(one.submit(end(grant.run_id, "")), other.submit(command)))

        (ended,), (answer,) = self.run(both())
        assert isinstance(ended, Applied)
        if isinstance(answer, Decided):
            self.told[grant.run_id] = command.sequence
        else:
            assert isinstance(answer, Refused)
        self.spent(grant)
        self.hand_out()
        state = self.database.rows("select state from runs where id = %s", grant.run_id)[0]["state"]
        if state >= 5:
            self.ended.add(grant.run_id)
        else:
            assert isinstance(answer, Decided) or end is c.CancelRun
            self.asked.add(grant.run_id)

    @rule(server=SERVER, number=PICK, first=st.sampled_from(["child", "parent"]), end=st.booleans())
    def family(self, server: int, number: int, first: str, end: bool) -> None:
        """A child goes on as another run, and its parent, or the step, ends a moment before or after."""
        children = {row["run_id"]: row["parent_run_id"] for row in self.database.all("children")}
        found = [g for g in self.held if g.step == m.DECISION and g.run_id in children and self.leased(g)]
        if not found:
            return
        grant = self.pick(number, found)
        above = children[grant.run_id]
        parent = c.CancelRun(above, "") if end else c.TerminateRun(above, "")
        command = self.answer(grant, [m.Continue(None, from_value({"n": 0}))], keep=False)
        for who in (first, "parent" if first == "child" else "child"):
            outcome = self.submit(server, command if who == "child" else parent)
            if who == "child" and isinstance(outcome, Decided):
                self.told[grant.run_id] = command.sequence
        self.spent(grant)
        self.hand_out()
        self.look(server)

    @rule(server=SERVER, number=PICK)
    def fork(self, server: int, number: int) -> None:
        """What had succeeded is kept and told; runs with much of it come first."""
        instance = self.servers[server]
        sql = "select id from runs r where state >= 5 order by"
        sql += " (select count(*) from steps s where s.run_id = r.id and s.state = %s) desc, id desc"
        over = self.database.rows(sql, StepState.SUCCEEDED)
        if over:
            forks = Forks(instance.committer, instance.workflows, instance.ids, instance.pool)
            run = self.pick(number // 3, over)["id"]
            self.runs.append(self.run(forks.fork(run, "", random.randbytes(16))).run_id)

    # faults

    @rule(server=SERVER)
    def restart(self, server: int) -> None:
        self.replace(server)

    @rule(server=SERVER)
    def forget(self, server: int) -> None:
        """Its caches are empty."""
        for cache in self.servers[server].caches:
            for run in self.runs:
                cache.drop(run)

    @invariant()
    def everything_holds(self) -> None:
        self.hand_out()
        tables = self.tables()
        tables.check()
        self.runs += sorted(set(tables.runs).difference(self.runs))
        for (run, step), output in self.recorded.items():
            assert tables.steps[run, step]["output"] == output
        assert not {run for run in self.ended if not tables.folds[run].state.terminal}
        self.what_was_said_is_there(tables)
        for run, fold in tables.folds.items():
            assert fold.code is None or fold.code.decided == self.told.get(run, 0)
