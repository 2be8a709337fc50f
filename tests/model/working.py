"""Workers, in any order: they poll, complete, fail, give back, stream, beat, die, and come again with old tokens."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from stellwerk_server.commit.outcome import Applied
from stellwerk_server.commit.poll import Grant
from stellwerk_server.dispatch.chunks import Chunks, Parsed
from stellwerk_server.dispatch.sessions import Held, Session
from stellwerk_server.loops.leases import LostWorkers
from stellwerk_server.loops.workers import Extend
from stellwerk_server.model import commands as c
from stellwerk_server.model.definition import OnFailure
from stellwerk_server.model.errors import Refused
from stellwerk_server.model.events import SECOND, TimerKind
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.payload import Payload, from_value
from stellwerk_server.model.token import Token
from tests.model.servers import Servers
from tests.support.instance import changed, complete, fail, release

PICK = st.integers(0, 11)
SERVER = st.integers(0, 1)
VALUE = st.integers(0, 3)
OUTCOME = st.sampled_from([complete, fail, release])
TYPE = st.sampled_from(["Boom", "Boom", "Fatal"])
LEASE_S = 10.0


class Working(Servers):
    """What workers do with what they are given, and with what they no longer have."""

    @rule(server=SERVER, size=st.integers(1, 4), foreign=st.sampled_from([False, False, True]))
    def poll(self, server: int, size: int, foreign: bool) -> None:
        if len(self.polls) < 3:
            self._poll(server, size, foreign=foreign)

    @rule(number=PICK)
    def leave(self, number: int) -> None:
        """A poll ends without waiting on."""
        if self.polls:
            self.pick(number, self.polls)[1].close()

    @rule(server=SERVER, number=PICK, value=VALUE, then=st.sampled_from([None, None, complete, fail, release]))
    def finish(self, server: int, number: int, value: int, then: Any) -> None:
        """I2, I5: whatever comes behind it in the same batch, it is done once."""
        grant = self.any_grant(server, number)
        if grant is not None:
            more = [] if then is None else [then(grant)]
            self._outcome(server, grant, complete(grant, said(grant, value)), *more)

    @rule(
        server=SERVER, number=PICK, terminal=st.booleans(), after_s=st.sampled_from([None, None, 0.0, 2.5]), type=TYPE
    )
    def give_up(self, server: int, number: int, terminal: bool, after_s: float | None, type: str) -> None:
        grant = self.any_grant(server, number)
        if grant is None:
            return
        self._outcome(server, grant, fail(grant, type, terminal=terminal, retry_after_s=after_s))

    @rule(server=SERVER, number=PICK)
    def give_back(self, server: int, number: int) -> None:
        grant = self.any_grant(server, number)
        if grant is None:
            return
        self.submit(server, release(grant))
        self.spent(grant, Payload(b"released"))

    def _outcome(self, server: int, grant: Grant, command: c.CompleteStep | c.FailStep, *more: c.Command) -> None:
        """I4: it counts when its token is current, and only then; what follows with the same token never does."""
        current = self.leased(grant)
        outcome, *others = self.run(self.servers[server].submit(command, *more))
        assert not any(changed(other) for other in others)
        assert changed(outcome) == current, outcome
        assert current or isinstance(outcome, Refused), outcome
        value = command.output if isinstance(command, c.CompleteStep) else Payload(b"failed")
        if current and isinstance(command, c.CompleteStep):
            self.recorded[grant.run_id, grant.step] = value
        self.spent(grant, value)

    @rule(server=SERVER, number=PICK, value=VALUE)
    def again(self, server: int, number: int, value: int) -> None:
        """I5: what was recorded may be said again, anything else is refused; either way nothing changes."""
        if not self.used:
            return
        grant, _ = self.pick(number, self.used[::-1])
        before = self.digest()
        outcome = self.submit(server, complete(grant, said(grant, value)))
        current = self.recorded.get((grant.run_id, grant.step))
        if not (isinstance(outcome, Refused) and outcome.reason == "LEASE_LOST"):
            assert isinstance(outcome, Applied)
            assert not outcome.changed
            assert current == from_value(said(grant, value))
        assert self.digest() == before

    @rule(server=SERVER, number=PICK)
    def the_same_again(self, server: int, number: int) -> None:
        """I5: an acknowledged completion sent once more is fine for ever."""
        done = [(g, v) for g, v in self.used if self.recorded.get((g.run_id, g.step)) == v]
        if done:
            grant, value = self.pick(number, done)
            outcome = self.submit(server, complete(grant, None, output=value))
            attempts = self.database.rows(
                "select attempt from steps where run_id = %s and key = %s", grant.run_id, grant.step
            )
            if attempts[0]["attempt"] == grant.attempt:
                assert isinstance(outcome, Applied)
                assert not outcome.changed

    @rule(server=SERVER, number=PICK, how=OUTCOME)
    def zombie(self, server: int, number: int, how: Any) -> None:
        """I4: a token that is no longer current changes nothing."""
        if self.used:
            self._nothing_changes(server, how(self.old_token(number)))

    @rule(server=SERVER, number=PICK, how=OUTCOME, field=st.sampled_from(["attempt", "secret", "step", "run_id"]))
    def forge(self, server: int, number: int, how: Any, field: str) -> None:
        """I4: neither does one that is not quite current."""
        grant = self.any_grant(server, number)
        if grant is None:
            return
        wrong: dict[str, Any] = {
            "attempt": grant.attempt + 1,
            "secret": bytes(16),
            "step": "d",
            "run_id": self.pick(number + 1, self.runs),
        }
        if wrong[field] != getattr(grant, field):
            self._nothing_changes(server, how(grant._replace(**{field: wrong[field]})))

    @rule(server=SERVER, number=PICK, how=OUTCOME, late=st.booleans())
    def released_and_taken_again(self, server: int, number: int, how: Any, late: bool) -> None:
        """I4: the token of a hand-out that was given back is not the one of the next, though the attempt is."""
        grant = self.any_grant(server, number)
        if grant is None:
            return
        if late:
            self._pass_start_timeout(server, grant)
        self.submit(server, release(grant))
        self.spent(grant, Payload(b"released"))
        self.everything_holds()
        self._poll(server, 4)
        self._nothing_changes(1 - server, how(grant))

    def _pass_start_timeout(self, server: int, grant: Grant) -> None:
        sql = "select due_at from timers where run_id = %s and step = %s and kind = %s"
        due = self.database.rows(sql, grant.run_id, grant.step, TimerKind.STEP_START)
        if due and self.leased(grant):
            self.database.set_clock(max(self.database.now, due[0]["due_at"]))
            self.look_at_clock(server)

    def _nothing_changes(self, server: int, command: c.Command) -> None:
        before = self.digest()
        assert not changed(self.submit(server, command))
        assert self.digest() == before

    @rule(
        server=SERVER, number=PICK, stale=st.booleans(), sequences=st.lists(st.integers(1, 4), min_size=1, max_size=3)
    )
    def stream(self, server: int, number: int, stale: bool, sequences: list[int]) -> None:
        """I4: chunks are kept while the lease is there, once each; of no other token."""
        grant = self._one(server, number, stale=stale)
        if grant is None:
            return
        current = self.leased(grant)
        before = self.digest()
        token = Token(grant.run_id, grant.attempt, grant.secret, grant.step)
        said = [from_value([grant.step, grant.attempt, sequence]) for sequence in sequences]

        async def requests() -> Any:
            for sequence, payload in zip(sequences, said, strict=True):
                parsed: Parsed = (b"t", sequence, (token, payload))
                yield parsed

        async def send() -> list[Any]:
            chunks = Chunks(self.servers[server].pool, lambda runs: None)
            return [answer.error async for answer in chunks.serve(requests())]

        for sequence, payload, error in zip(sequences, said, self.run(send()), strict=True):
            assert (error is None) == current, error
            if current:
                self.streamed.setdefault((grant.run_id, grant.step, grant.attempt, sequence), payload)
        assert current or self.digest() == before

    @rule(server=SERVER, number=PICK, stale=st.booleans())
    def beat(self, server: int, number: int, stale: bool) -> None:
        """I4: who names a task keeps it for as long again, never past its deadline; an old token keeps nothing."""
        grant = self._one(server, number, stale=stale)
        if grant is None:
            return
        current, before = self.leased(grant), self.digest()
        sessions = self.servers[server].sessions
        session = Session(grant.workflow.namespace_id, grant.worker)
        sessions.opened(session)
        sessions.extend[Held(grant.run_id, grant.step, grant.secret)] = (grant.worker, grant.attempt)
        self.run(Extend(self.servers[server].pool, sessions, LEASE_S).run_once())
        assert bool(session.cancelled) != current, "a worker that has lost its task must hear of it"
        if not current:
            assert self.digest() == before
            return
        sql = "select expires_at, deadline from leases where run_id = %s and step = %s"
        lease = self.database.rows(sql, grant.run_id, grant.step)[0]
        again = self.database.now + int(LEASE_S * SECOND)
        assert lease["expires_at"] == min(again, lease["deadline"] or again)

    @rule(server=SERVER, worker=st.sampled_from(["default0", "default1", "other0"]))
    def worker_dies(self, server: int, worker: str) -> None:
        """I22: what a worker held whose line broke goes out again at once, as another attempt."""
        instance = self.servers[server]
        before = {row["token"] for row in self.database.rows("select token from leases where worker = %s", worker)}
        session = Session(1, worker)
        session.leaving = True
        sessions = type(instance.sessions)()
        sessions.lose(session)
        self.run(LostWorkers(instance.pool, instance.committer, sessions).run_once())
        after = {row["token"] for row in self.database.rows("select token from leases")}
        assert not before & after

    def _one(self, server: int, number: int, *, stale: bool) -> Grant | None:
        if stale:
            return self.old_token(number) if self.used else None
        grant = self.any_grant(server, number)
        # Those first that may not be kept for as long as one likes.
        short = [each for each in self.held if each.deadline is not None and self.leased(each)]
        return self.pick(number, short) if short and number % 2 == 0 else grant

    def old_token(self, number: int) -> Grant:
        """One that was used up; those first whose step somebody else holds by now."""
        held = {(row["run_id"], row["step"]) for row in self.database.rows("select run_id, step from leases")}
        newest = [grant for grant, _ in self.used[::-1]]
        again = [grant for grant in newest if (grant.run_id, grant.step) in held]
        return self.pick(number, again or newest)

    @rule(server=SERVER, number=PICK, how=st.sampled_from(["fails", "fails", "lost"]), redrive=st.integers(0, 2))
    def poison(self, server: int, number: int, how: str, redrive: int) -> None:
        """Fail one step, or lose its workers, whoever gets it, until it does not come back; then redrive it."""
        if self.any_grant(server, number) is None:
            return
        parking = [grant for grant in self.held if self._parks(grant)]
        grant = self.pick(number, parking or self.held)
        self._poison(server, grant.run_id, grant.step, how)
        sql = "select d.attempt from dead_letters d join runs r on r.id = d.run_id"
        sql += " where d.state = 1 and r.state < 5 and d.run_id = %s and d.step = %s"
        dead = self.database.rows(sql, grant.run_id, grant.step)
        if not dead or not redrive:
            return
        again = c.RequeueStep(grant.run_id, grant.step, dead[0]["attempt"])
        changes = changed(self.submit(server, again))
        if changes and redrive == 2:
            # I11: said again when the step is dead anew, it is still about the death before.
            self._poison(server, grant.run_id, grant.step, how)
            assert not changed(self.submit(server, again))

    def _parks(self, grant: Grant) -> bool:
        definition = grant.workflow.definition.step(grant.step.partition("[")[0])
        return definition is not None and definition.on_failure is OnFailure.PARK and self.leased(grant)

    def _poison(self, server: int, run: int, step: str, how: str) -> None:
        for _ in range(12):
            mine = [grant for grant in self.held if (grant.run_id, grant.step) == (run, step) and self.leased(grant)]
            due = self.database.rows(
                "select due_at from timers where run_id = %s and step = %s and kind = 1", run, step
            )
            if mine and how == "lost":
                self.run(self.servers[server].submit(self._loss(mine[0])))
            elif mine:
                self._outcome(server, mine[0], fail(mine[0]))
            elif due:
                self.database.set_clock(max(self.database.now, due[0]["due_at"]))
                self.submit(server, c.FireTimer(run, step, TimerKind.RETRY, 0))
            elif self.database.rows("select 1 from ready where run_id = %s and step = %s", run, step):
                self._poll(server, 4)
            else:
                break
            self.hand_out()
        assert not [grant for grant in self.held if (grant.run_id, grant.step) == (run, step) and self.leased(grant)]

    def _loss(self, grant: Grant) -> c.ExpireLease:
        failure = Failure("WorkerLost", "gone", category=Category.WORKER_LOST)
        return c.ExpireLease(grant.run_id, grant.step, grant.attempt, grant.secret, failure)


def said(grant: Grant, value: int) -> str:
    """What the task comes to: a value nobody else has, so that it cannot be taken for another's."""
    return f"{grant.step}={value}"
