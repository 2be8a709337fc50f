"""The machine of runs that follow a definition: every rule of clients, workers, time, signals, ends and faults."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from stellwerk_server.commit.outcome import Applied
from stellwerk_server.model import commands as c
from stellwerk_server.model.errors import Refused
from stellwerk_server.model.events import SECOND, EventType
from stellwerk_server.model.payload import Payload, from_value
from stellwerk_server.store import feed
from tests.model.colliding import Colliding
from tests.model.starting import Starting
from tests.model.working import Working
from tests.support.instance import changed

PICK = st.integers(0, 11)
SERVER = st.integers(0, 1)
VALUE = st.integers(0, 3)
_NAMES = ["go", "go", "stop", "no"]
DEED = st.sampled_from(["finish", "finish", "finish", "finish", "fail", "tick", "signal"])
DEEDS = st.lists(st.tuples(DEED, PICK), min_size=3, max_size=10)


class Heart(Starting, Working, Colliding):
    """What the outside world may do, in any order."""

    @initialize(
        server=SERVER, workflows=st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 6]), min_size=2, max_size=4), value=VALUE
    )
    def some_runs(self, server: int, workflows: list[int], value: int) -> None:
        """There is something to act on from the first rule on."""
        for chosen in workflows:
            self.start(server, chosen, None, value, False, None)
        self._poll(server, 2)

    # time

    @rule(server=SERVER, number=PICK, off=st.sampled_from([-1, 0, 0, 1]), held=st.booleans())
    def tick(self, server: int, number: int, off: int, held: bool) -> None:
        """To a moment that matters, give or take a microsecond; `held`: to one of a task somebody is at work on."""
        sql = "select distinct due_at from timers t"
        if held:
            sql += " where exists (select from leases l where l.run_id = t.run_id and l.step = t.step)"
        moments = [row["due_at"] for row in self.database.rows(sql)]
        if not held:
            moments += [row["expires_at"] for row in self.database.rows("select distinct expires_at from leases")]
        moment = self.pick(number, sorted(moments)) if moments else self.database.now + SECOND
        self.database.set_clock(max(self.database.now, moment + off))
        self.look_at_clock(server)

    def _work(self, server: int, deeds: list[tuple[str, int]]) -> None:
        """The ordinary course of things, so that runs come far: tasks are done, some fail, time goes by."""
        for deed, number in deeds:
            if number % 2:
                self.beat(server, number // 2, number % 3 == 0)
            elif number % 4 == 0:
                self.stream(server, number // 4, True, [1])
            if deed == "tick":
                self.tick(server, number, 0, False)
            elif deed == "signal":
                self.signal(server, number, _NAMES[number % 4], number % 4, False)
            elif deed == "fail":
                self.give_up(server, number, False, None, "Boom" if number % 3 else "Fatal")
            else:
                self.finish(server, number, number % 4, None)
            self.everything_holds()

    # Every rule is as likely as any other, so what runs need to come far is several of them.
    morning = rule(server=SERVER, deeds=DEEDS)(_work)
    noon = rule(server=SERVER, deeds=DEEDS)(_work)
    afternoon = rule(server=SERVER, deeds=DEEDS)(_work)
    evening = rule(server=SERVER, deeds=DEEDS)(_work)
    night = rule(server=SERVER, deeds=DEEDS)(_work)

    @rule(server=SERVER, moments=st.integers(2, 8))
    def nobody_works(self, server: int, moments: int) -> None:
        """Workers take tasks and do nothing, while one moment after the other comes."""
        for _ in range(moments):
            self._poll(server, 2)
            sql = (
                "select min(due) as due from (select due_at from timers union all select expires_at from leases) t(due)"
            )
            due = self.database.rows(sql)[0]["due"]
            self.database.set_clock(max(self.database.now, due or 0))
            self.look_at_clock(server)
            self.everything_holds()

    @rule(server=SERVER)
    def look(self, server: int) -> None:
        self.look_at_clock(server)

    @rule(server=SERVER)
    def somebody_reads_the_feed(self, server: int) -> None:
        """The commits there are get their place."""

        async def order() -> None:
            async with self.servers[server].pool.connection() as connection:
                await feed.order(connection)

        self.run(order())
        assert not self.database.all("moves")

    # signals

    @rule(server=SERVER, number=PICK, name=st.sampled_from(_NAMES), id=VALUE, twice=st.booleans())
    def signal(self, server: int, number: int, name: str, id: int, twice: bool) -> None:
        """One id counts once in a run; an ended run refuses what it has not had."""
        if not self.runs:
            return
        told = [run for run in self.open_first() if self.name(run) == "asks"]
        run = self.pick(number // 2, told if told and number % 2 == 0 else self.open_first())
        if number % 2 == 0:
            # Two that are there before somebody waits for them have an order.
            for place, more in ((server, f"{id}+"), (1 - server, f"{id}-")):
                self._tell(place, c.SignalRun(run, c.Signal("stop", more, self._news("stop"))), 1)
        self._tell(server, c.SignalRun(run, c.Signal(name, str(id), self._news(name))), 1 + twice)

    def _news(self, name: str) -> Payload:
        return from_value([name, len(self.told_once)])

    def _tell(self, server: int, command: c.SignalRun, times: int) -> None:
        run, id = command.run_id, command.signal.id
        known = self._told(run, id)
        over = self.database.rows("select 1 from runs where id = %s and state >= 5", run)
        outcomes = self.run(self.servers[server].submit(*[command] * times))
        if known:
            assert not any(changed(outcome) for outcome in outcomes)
        elif over:
            assert all(isinstance(outcome, Refused) and outcome.reason == "RUN_TERMINAL" for outcome in outcomes)
        else:
            assert [changed(outcome) for outcome in outcomes] == [True, False][:times]
            self.told_once[run, id] = command.signal.payload
        assert self._told(run, id) == (known or not over)

    def _told(self, run: int, id: str) -> bool:
        sql = "select 1 from events where run_id = %s and type = %s and data::json->>'id' = %s"
        return bool(self.database.rows(sql, run, EventType.RUN_SIGNALLED, id))

    # ends

    @rule(server=SERVER, number=PICK, end=st.sampled_from([c.CancelRun, c.TerminateRun]))
    def end(self, server: int, number: int, end: Any) -> None:
        if not self.runs:
            return
        run = self.pick(number, self.open_first())
        if isinstance(self.submit(server, end(run, "")), Applied):
            self.ended.add(run)

    @rule(server=SERVER, number=PICK, discard=st.sampled_from([False, False, True]), twice=st.booleans())
    def redrive(self, server: int, number: int, discard: bool, twice: bool) -> None:
        """Requeue or discard a dead step, whether its run still can or not."""
        letters = self.database.rows(
            "select d.run_id, d.step, d.attempt from dead_letters d join runs r on r.id = d.run_id"
            " order by r.state <> 4, d.id desc"
        )
        if letters:
            run_id, step, attempt = self.pick(number, letters).values()
            command: c.Command = c.RequeueStep(run_id, step, attempt)
            if discard:
                command = c.DiscardStep(run_id, step, attempt, "")
            outcomes = self.run(self.servers[server].submit(*[command] * (1 + twice)))
            assert sum(changed(outcome) for outcome in outcomes) <= 1

    @rule(server=SERVER, number=PICK, from_step=st.sampled_from(["", "a"]))
    def fork(self, server: int, number: int, from_step: str) -> None:
        if not self.runs:
            return
        run = self.pick(number, self.runs)
        work = self.fronts[server].forks.fork(run, from_step, random.randbytes(16))
        if self.database.rows("select 1 from runs where id = %s and state < 5", run):
            with pytest.raises(Refused, match="only an ended run"):
                self.run(work)
        elif from_step and not self.database.rows("select 1 from steps where run_id = %s and key = %s", run, from_step):
            work.close()
        else:
            self.runs.append(self.run(work).run_id)

    # faults

    @rule(server=SERVER)
    def restart(self, server: int) -> None:
        self.replace(server)
