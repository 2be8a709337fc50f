"""Two commands at once from two servers, connections cut beside a commit, and callers of another namespace."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from stellwerk.v1 import payload_pb2, run_pb2
from stellwerk_server.commit.outcome import Applied, Outcome, Started
from stellwerk_server.commit.poll import Grant
from stellwerk_server.model import commands as c
from stellwerk_server.model.errors import NotFound, Refused, StellwerkError, Unavailable
from stellwerk_server.model.events import TimerKind
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.payload import from_value
from tests.model.cutting import cut
from tests.model.servers import OTHER, Servers
from tests.support.instance import changed, complete, fail, release

PICK = st.integers(0, 11)
SERVER = st.integers(0, 1)
WITH_TOKEN: dict[str, Callable[[Grant], c.Command]] = {
    "complete": lambda grant: complete(grant, [grant.step, grant.attempt]),
    "fail": fail,
    "dies": lambda grant: fail(grant, terminal=True),
    "release": release,
    "lose": lambda grant: c.ExpireLease(
        grant.run_id,
        grant.step,
        grant.attempt,
        grant.secret,
        Failure("WorkerLost", "gone", category=Category.WORKER_LOST),
    ),
}
WITHOUT = ["cancel", "terminate", "signal", "requeue", "discard", "timer"]
KIND = st.sampled_from([*WITH_TOKEN, *WITHOUT])
TOKEN_KIND = st.sampled_from(["complete", *WITH_TOKEN])


class Colliding(Servers):
    """What happens at the same time, and what is heard wrongly of it."""

    @rule(server=SERVER, number=PICK, first=TOKEN_KIND, second=KIND)
    def collide(self, server: int, number: int, first: str, second: str) -> None:
        """I2, I9: of two commands that exclude each other one wins, and what both callers hear is what happened."""
        grant = self.any_grant(server, number)
        if grant is None or not self.leased(grant):
            return
        if number % 2 == 0:
            # Giving back leaves no event, so that nothing but the run's lock keeps the two apart.
            first, second = "release", self.pick(number // 2, ["cancel", "terminate"])
        one, other = WITH_TOKEN[first](grant), self.command(second, grant.run_id, number)
        if other is None:
            return

        async def both() -> list[list[Outcome]]:
            here, there = self.servers[server], self.servers[1 - server]
            return list(await asyncio.gather(here.submit(one), there.submit(other)))

        (heard_one,), (heard_other,) = self.run(both())
        if isinstance(other, c.LeaseCommand) and other.token == grant.secret and one != other:
            assert not (changed(heard_one) and changed(heard_other)), (heard_one, heard_other)
        if "release" not in (first, second):
            assert changed(heard_one) or changed(heard_other), (heard_one, heard_other)
        self.hand_out()
        for command, outcome in ((one, heard_one), (other, heard_other)):
            assert isinstance(outcome, Applied | Refused), outcome
            self.heard(command, outcome)
        if grant in self.held:
            self.spent(grant)

    @rule(server=SERVER, number=PICK, kind=KIND, committed=st.sampled_from([True, True, False]), here=st.booleans())
    def lost_reply(self, server: int, number: int, kind: str, committed: bool, here: bool) -> None:
        """The caller hears UNAVAILABLE: it has happened or not, wholly, and saying it again is right either way."""
        kind = kind if committed or number % 4 else "signal"
        command = self._any_command(server, number, kind)
        if command is None:
            return
        before = self.digest()
        with cut(self.servers[server], committed=committed):
            assert isinstance(self.submit(server, command), Unavailable)
        if not committed:
            assert self.digest() == before
            if isinstance(command, c.SignalRun):
                self._told_otherwise(server, command)
            return
        # What was handed out in that commit has reached nobody; what it queued goes to whoever waits.
        self.hand_out()
        after = self.digest()
        again = self.submit(server if here else 1 - server, command)
        assert isinstance(again, Applied), again
        assert not again.changed or after == before
        self.hand_out()
        assert after in (before, self.digest())
        self.heard(command, again._replace(changed=after != before or again.changed))

    def _told_otherwise(self, server: int, command: c.SignalRun) -> None:
        """As much happens elsewhere as had not happened here: what this server then knows is not what it had tried."""
        other = command._replace(signal=command.signal._replace(id=f"other {command.signal.id}"))
        for where, said in ((1 - server, other), (server, command)):
            outcome = self.submit(where, said)
            if isinstance(outcome, Refused):
                # The first of them was all the run had waited for.
                assert outcome.reason == "RUN_TERMINAL"
                return
            assert changed(outcome), outcome
            self.heard(said, outcome)

    @rule(server=SERVER, here=st.booleans(), key=st.sampled_from(["", "r", "s"]), committed=st.booleans())
    def lost_start(self, server: int, here: bool, key: str, committed: bool) -> None:
        """I1: a start whose answer was lost is sent again; there is one run, which both tell of."""
        fields: dict[str, Any] = {"request_id": random.randbytes(16)} if not key else {"idempotency_key": key}
        asked = self.servers[server].start_run(self.workflows[0], {"n": 1, "items": [0]}, **fields, digest=b"same")
        before = len(self.database.all("runs"))
        with cut(self.servers[server], committed=committed):
            assert isinstance(self.submit(server, asked), Unavailable)
        other = server if here else 1 - server
        outcome = self.submit(other, asked._replace(run_id=self.ids.next()))
        assert isinstance(outcome, Started), outcome
        known = self.keys.get(("default", asked.workflow.name, key)) if key else None
        assert known is None or outcome.run_id == known[0]
        assert len(self.database.all("runs")) == before + (known is None)
        if known is None:
            assert outcome.deduplicated == committed
            self.runs.append(outcome.run_id)
            self.keys |= {("default", asked.workflow.name, key): (outcome.run_id, b"same")} if key else {}

    @rule(number=PICK)
    def redrive_an_ended_run(self, number: int) -> None:
        """I11: the dead letter of an ended run is redriven by one fork, however often and wherever it is asked for."""
        letters = self.database.rows(
            "select d.id, d.run_id, d.state, d.requeued_run_id from dead_letters d join runs r on r.id = d.run_id"
            " where r.state >= 5 and d.state < 3 order by d.state, d.id"
        )
        if not letters:
            return
        letter = self.pick(number, letters)
        namespace = self.namespace(letter["run_id"])

        async def both() -> list[int]:
            return list(await asyncio.gather(*[front.requeue(namespace, letter["id"]) for front in self.fronts]))

        one, other = self.run(both())
        assert one == other
        assert letter["state"] == 1 or one == letter["requeued_run_id"]
        if one not in self.runs:
            self.runs.append(one)
        assert self.run(self.fronts[number % 2].requeue(namespace, letter["id"])) == one

    @rule(server=SERVER, number=PICK, how=st.sampled_from(["cancel", "terminate", "signal", "requeue", "discard"]))
    def from_another_namespace(self, server: int, number: int, how: str) -> None:
        """I15: to callers of another namespace there is no such run and no such dead letter."""
        letters = self.database.rows("select id, run_id from dead_letters order by id")
        if not self.runs or (how in ("requeue", "discard") and not letters):
            return
        front, run = self.fronts[server], self.pick(number, self.runs)
        letter = self.pick(number, letters) if letters else {}
        namespace = "default" if self.namespace(letter.get("run_id", run)) == OTHER else OTHER
        if how not in ("requeue", "discard"):
            namespace = "default" if self.namespace(run) == OTHER else OTHER
        calls: dict[str, Callable[[], Any]] = {
            "cancel": lambda: front.cancel(namespace, run),
            "terminate": lambda: front.terminate(namespace, run),
            "signal": lambda: front.signal(namespace, run, _TAINTED),
            "requeue": lambda: front.requeue(namespace, letter["id"]),
            "discard": lambda: front.discard(namespace, letter["id"]),
        }
        before = self.digest()
        with pytest.raises(NotFound):
            self.run(calls[how]())
        assert self.digest() == before

    def command(self, kind: str, run: int, number: int) -> c.Command | None:
        """Something of that kind somebody may want of the run now; None when there is nothing."""
        if kind in WITH_TOKEN:
            mine = [grant for grant in self.held if grant.run_id == run and self.leased(grant)]
            return WITH_TOKEN[kind](self.pick(number, mine)) if mine else None
        if kind in ("cancel", "terminate"):
            return c.CancelRun(run, "") if kind == "cancel" else c.TerminateRun(run, "")
        if kind == "signal":
            id = f"{number % 3}.{len(self.told_once)}"
            return c.SignalRun(run, c.Signal("go", id, from_value([id, run])))
        if kind == "timer":
            rows = self.database.rows("select step, kind, due_at from timers where run_id = %s order by 3, 1, 2", run)
            if not rows:
                return None
            timer = self.pick(number, rows)
            self.database.set_clock(max(self.database.now, timer["due_at"]))
            return c.FireTimer(run, timer["step"], TimerKind(timer["kind"]), timer["due_at"])
        sql = "select run_id, step, attempt from dead_letters where run_id = %s and state = 1 order by id"
        letters = self.database.rows(sql, run)
        if not letters:
            return None
        run_id, step, attempt = self.pick(number, letters).values()
        requeued = c.RequeueStep(run_id, step, attempt)
        return requeued if kind == "requeue" else c.DiscardStep(run_id, step, attempt, "")

    def _any_command(self, server: int, number: int, kind: str) -> c.Command | None:
        """Of that kind, about a run that is open and where it can have an effect."""
        if kind in WITH_TOKEN:
            grant = self.any_grant(server, number)
            return WITH_TOKEN[kind](grant) if grant is not None and self.leased(grant) else None
        found = [self.command(kind, row["id"], number) for row in self._open_runs(number)]
        return next((command for command in found if command is not None), None)

    def _open_runs(self, number: int) -> list[dict[str, Any]]:
        rows = self.database.rows("select id from runs where state < 5 order by id desc")
        return [*rows[number % len(rows) :], *rows[: number % len(rows)]] if rows else []

    def heard(self, command: c.Command, outcome: Outcome) -> None:
        """What the world knows after this answer."""
        if isinstance(command, c.LeaseCommand):
            for grant in [grant for grant in self.held if grant.secret == command.token]:
                self.spent(grant)
        if isinstance(outcome, StellwerkError):
            return
        if isinstance(command, c.CompleteStep) and changed(outcome):
            self.recorded[command.run_id, command.step] = command.output
        elif isinstance(command, c.CancelRun | c.TerminateRun):
            self.ended.add(command.run_id)
        elif isinstance(command, c.SignalRun):
            self.told_once[command.run_id, command.signal.id] = command.signal.payload


_TAINTED = run_pb2.Signal(name="go", signal_id="tainted", payload=payload_pb2.Payload(json='"of another namespace"'))
