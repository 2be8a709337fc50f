"""Random commands from two servers on one Postgres, the clock in the test's hand; after each, all invariants."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from stellwerk_server.commit.outcome import Applied, Outcome, Started
from stellwerk_server.commit.poll import Grant
from stellwerk_server.embedded import EmbeddedPostgres
from stellwerk_server.model import commands as c
from stellwerk_server.model.errors import Refused
from stellwerk_server.model.events import SECOND, EventType, TimerKind
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.payload import Payload, from_value
from stellwerk_server.rpc.forks import Forks
from stellwerk_server.store.migrate import migrate
from tests.model import virtual
from tests.model.checks import Tables
from tests.model.servers import Servers
from tests.model.virtual import Database
from tests.support.databases import fresh_database
from tests.support.instance import Instance, changed, complete, fail, release

EXAMPLES = int(os.environ.get("STELLWERK_MODEL_EXAMPLES", "70"))
STEPS = int(os.environ.get("STELLWERK_MODEL_STEPS", "50"))

PICK = st.integers(0, 11)
SERVER = st.integers(0, 1)
VALUE = st.integers(0, 3)
OUTCOME = st.sampled_from([complete, fail, release])


class Heart(Servers):
    """What the outside world may do, in any order."""

    # starts

    @rule(server=SERVER, workflow=PICK, key=st.sampled_from([None, None, "k", "l"]), value=VALUE, twice=st.booleans())
    def start(self, server: int, workflow: int, key: str | None, value: int, twice: bool) -> None:
        chosen = self.pick(workflow, self.workflows)
        fields = {"idempotency_key": key, "digest": bytes([value])} if key else {}
        fields["request_id"] = random.randbytes(16)
        request = {"n": value, "items": list(range(value))}
        commands = [self.servers[server].start_run(chosen, request, **fields) for _ in range(1 + twice)]
        self.last_start = commands[0]
        for outcome in self.run(self.servers[server].submit(*commands)):
            self._started(commands[0], outcome)

    @rule(server=SERVER)
    def start_again(self, server: int) -> None:
        """The same request, sent again by a client that heard nothing."""
        if self.last_start is None:
            return
        again = self.last_start._replace(run_id=self.servers[server].ids.next())
        self._started(again, self.submit(server, again))

    def _started(self, command: c.StartRun, outcome: Outcome) -> None:
        """I1: one run a key; another input under it is refused."""
        place = (command.workflow.name, command.idempotency_key or "")
        known = self.keys.get(place) if command.idempotency_key else None
        if known is not None and known[1] != command.digest:
            assert isinstance(outcome, Refused)
            assert outcome.reason == "IDEMPOTENCY_KEY_REUSED"
            return
        assert isinstance(outcome, Started), outcome
        if known is not None:
            assert outcome.run_id == known[0]
        assert self.database.rows("select 1 from runs where id = %s", outcome.run_id)
        if outcome.run_id not in self.runs:
            self.runs.append(outcome.run_id)
        if command.idempotency_key:
            self.keys[place] = (outcome.run_id, command.digest)

    # workers

    @rule(server=SERVER, size=st.integers(1, 4))
    def poll(self, server: int, size: int) -> None:
        if len(self.polls) < 3:
            self._poll(server, size)

    @rule(number=PICK)
    def leave(self, number: int) -> None:
        """A poll ends without waiting on."""
        if self.polls:
            self.pick(number, self.polls)[1].close()

    @rule(server=SERVER, number=PICK, value=VALUE)
    def finish(self, server: int, number: int, value: int) -> None:
        grant = self.any_grant(server, number)
        if grant is not None:
            self._outcome(server, grant, complete(grant, value))

    @rule(server=SERVER, number=PICK, terminal=st.booleans(), after_s=st.sampled_from([None, None, 0.0, 2.5]))
    def give_up(self, server: int, number: int, terminal: bool, after_s: float | None) -> None:
        grant = self.any_grant(server, number)
        if grant is None:
            return
        self._outcome(server, grant, fail(grant, terminal=terminal, retry_after_s=after_s))

    @rule(server=SERVER, number=PICK)
    def give_back(self, server: int, number: int) -> None:
        grant = self.any_grant(server, number)
        if grant is None:
            return
        self.submit(server, release(grant))
        self._spent(grant, Payload(b"released"))

    def _outcome(self, server: int, grant: Grant, command: c.CompleteStep | c.FailStep) -> None:
        """I4: it counts when its token is current, and only then."""
        current = self.leased(grant)
        outcome = self.submit(server, command)
        assert changed(outcome) == current, outcome
        assert current or isinstance(outcome, Refused), outcome
        value = command.output if isinstance(command, c.CompleteStep) else Payload(b"failed")
        if current and isinstance(command, c.CompleteStep):
            self.recorded[grant.run_id, grant.step] = value
        self._spent(grant, value)

    def _spent(self, grant: Grant, value: Payload) -> None:
        self.held.remove(grant)
        self.used.append((grant, value))

    @rule(server=SERVER, number=PICK, value=VALUE)
    def again(self, server: int, number: int, value: int) -> None:
        """I5: what was recorded may be said again, anything else is refused; either way nothing changes."""
        if not self.used:
            return
        grant, _ = self.pick(number, self.used[::-1])
        before = self._digest()
        outcome = self.submit(server, complete(grant, value))
        current = self.recorded.get((grant.run_id, grant.step))
        if not (isinstance(outcome, Refused) and outcome.reason == "LEASE_LOST"):
            assert isinstance(outcome, Applied)
            assert not outcome.changed
            assert current == from_value(value)
        assert self._digest() == before

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
            self._nothing_changes(server, how(self.pick(number, self.used[::-1])[0]))

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
        self._spent(grant, Payload(b"released"))
        self.everything_holds()
        self._poll(server, 4)
        self._nothing_changes(1 - server, how(grant))

    def _pass_start_timeout(self, server: int, grant: Grant) -> None:
        sql = "select due_at from timers where run_id = %s and step = %s and kind = %s"
        due = self.database.rows(sql, grant.run_id, grant.step, TimerKind.STEP_START)
        if due and self.leased(grant):
            self.database.set_clock(max(self.database.now, due[0]["due_at"]))
            self._look(server)

    def _nothing_changes(self, server: int, command: c.Command) -> None:
        before = self._digest()
        assert not changed(self.submit(server, command))
        assert self._digest() == before

    # time

    @rule(server=SERVER, number=PICK, off=st.sampled_from([-1, 0, 0, 1]))
    def tick(self, server: int, number: int, off: int) -> None:
        """To a moment that matters, give or take a microsecond; then everything looks at the clock."""
        moments = [row["due_at"] for row in self.database.rows("select distinct due_at from timers order by 1")]
        moments += [
            row["expires_at"] for row in self.database.rows("select distinct expires_at from leases order by 1")
        ]
        moment = self.pick(number, sorted(moments)) if moments else self.database.now + SECOND
        self.database.set_clock(max(self.database.now, moment + off))
        self._look(server)

    @rule(server=SERVER)
    def look(self, server: int) -> None:
        self._look(server)

    def _look(self, server: int) -> None:
        """Every timer is tried, due or not; leases that are over are taken."""
        leased = self.database.rows("select run_id, step, attempt from leases")
        self._fire_timers(server)
        unstarted = self.database.rows(
            "select run_id, step, attempt from dead_letters where failure like '%%StartTimeout%%'"
        )
        assert not [place for place in unstarted if place in leased]
        self.run(self.servers[server].leases.run_once())
        assert not self.database.rows("select 1 from leases where expires_at <= clock_timestamp()")
        while self.database.rows("select 1 from timers where kind >= %s", TimerKind.CHILD_ENDED):
            self._fire_timers(server)
        assert not self.database.rows("select 1 from timers where due_at <= clock_timestamp()")

    def _fire_timers(self, server: int) -> None:
        commands = [
            c.FireTimer(row["run_id"], row["step"], TimerKind(row["kind"]), row["due_at"])
            for row in self.database.all("timers")
        ]
        self.run(self.servers[server].submit(*commands, *commands[::2]))

    # signals

    @rule(server=SERVER, number=PICK, name=st.sampled_from(["go", "go", "stop", "no"]), id=VALUE, twice=st.booleans())
    def signal(self, server: int, number: int, name: str, id: int, twice: bool) -> None:
        """One id counts once in a run; an ended run refuses what it has not had."""
        if not self.runs:
            return
        run = self.pick(number, self.runs)
        command = c.SignalRun(run, c.Signal(name, str(id), from_value([name, id])))
        known = self._told(run, id)
        over = self.database.rows("select 1 from runs where id = %s and state >= 5", run)
        outcomes = self.run(self.servers[server].submit(*[command] * (1 + twice)))
        if known:
            assert not any(changed(outcome) for outcome in outcomes)
        elif over:
            assert all(isinstance(outcome, Refused) and outcome.reason == "RUN_TERMINAL" for outcome in outcomes)
        else:
            assert [changed(outcome) for outcome in outcomes] == [True, False][: 1 + twice]
        assert self._told(run, id) == (known or not over)

    def _told(self, run: int, id: int) -> bool:
        sql = "select 1 from events where run_id = %s and type = %s and data::json->>'id' = %s"
        return bool(self.database.rows(sql, run, EventType.RUN_SIGNALLED, str(id)))

    # ends

    @rule(server=SERVER, number=PICK, end=st.sampled_from([c.CancelRun, c.TerminateRun]))
    def end(self, server: int, number: int, end: Any) -> None:
        if not self.runs:
            return
        run = self.pick(number, self.runs)
        if isinstance(self.submit(server, end(run, "")), Applied):
            self.ended.add(run)

    @rule(number=PICK, value=VALUE, server=SERVER)
    def race(self, number: int, value: int, server: int) -> None:
        """I9: of cancel and completion exactly one wins."""
        grant = self.any_grant(server, number)
        if grant is None:
            return
        current = self.leased(grant)
        one, other = self.servers[server], self.servers[1 - server]

        async def both() -> list[list[Outcome]]:
            cancel = c.CancelRun(grant.run_id, "")
            return list(await asyncio.gather(one.submit(cancel), other.submit(complete(grant, value))))

        (cancelled,), (completed,) = self.run(both())
        if changed(completed):
            assert current
            self.recorded[grant.run_id, grant.step] = from_value(value)
        elif current:
            assert changed(cancelled)
        self._spent(grant, from_value(value))
        # What the completion set off may have been handed out before the cancel came.
        self.hand_out()
        if isinstance(cancelled, Applied):
            self.ended.add(grant.run_id)

    @rule(server=SERVER, number=PICK, discard=st.sampled_from([False, False, True]), twice=st.booleans())
    def redrive(self, server: int, number: int, discard: bool, twice: bool) -> None:
        """Requeue or discard a dead step, whether its run still can or not."""
        letters = self.database.rows("select run_id, step, attempt from dead_letters order by state, id desc")
        if letters:
            place = self.pick(number, letters).values()
            command: c.Command = c.DiscardStep(*place, "") if discard else c.RequeueStep(*place)
            outcomes = self.run(self.servers[server].submit(*[command] * (1 + twice)))
            assert sum(changed(outcome) for outcome in outcomes) <= 1

    @rule(server=SERVER, number=PICK, from_step=st.sampled_from(["", "a"]))
    def fork(self, server: int, number: int, from_step: str) -> None:
        if not self.runs:
            return
        instance = self.servers[server]
        forks = Forks(instance.committer, instance.workflows, instance.ids, instance.pool)
        run = self.pick(number, self.runs)
        work = forks.fork(run, from_step, random.randbytes(16))
        if self.database.rows("select 1 from runs where id = %s and state < 5", run):
            with pytest.raises(Refused, match="only an ended run"):
                self.run(work)
        elif from_step and not self.database.rows("select 1 from steps where run_id = %s and key = %s", run, from_step):
            work.close()
        else:
            self.runs.append(self.run(work).run_id)

    @rule(server=SERVER, number=PICK, how=st.sampled_from(["fails", "fails", "lost"]), redrive=st.booleans())
    def poison(self, server: int, number: int, how: str, redrive: bool) -> None:
        """Fail one step, or lose its workers, whoever gets it, until it does not come back; then redrive it."""
        grant = self.any_grant(server, number)
        if grant is None:
            return
        self._poison(server, grant.run_id, grant.step, how)
        dead = self.database.rows(
            "select d.attempt from dead_letters d join runs r on r.id = d.run_id"
            " where d.state = 1 and r.state < 5 and d.run_id = %s and d.step = %s", grant.run_id, grant.step
        )  # fmt: skip
        if dead and redrive:
            self.submit(server, c.RequeueStep(grant.run_id, grant.step, dead[0]["attempt"]))

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

    # faults

    @rule(server=SERVER)
    def restart(self, server: int) -> None:
        """A server goes and another comes: its cache is empty, its polls end."""
        old = self.servers[server]
        for instance, poll in self.polls:
            if instance is old:
                poll.close()
        self.hand_out()
        self.run(old.stop())
        self.servers[server] = Instance(self.dsn, ids=self.ids)
        self.run(self.servers[server].start())

    @invariant()
    def everything_holds(self) -> None:
        self.hand_out()
        tables = Tables(self.database, lambda number: next(w for w in self.workflows if w.id == number))
        tables.check()
        self.runs += sorted(set(tables.children).difference(self.runs))
        assert set(self.runs) == set(tables.runs)
        for (run, step), output in self.recorded.items():
            assert tables.steps[run, step]["output"] == output
        assert not {run for run in self.ended if not tables.folds[run].state.terminal}


@pytest.fixture(scope="module")
def database(postgres: EmbeddedPostgres) -> Iterator[Database]:
    with fresh_database(postgres) as dsn:
        migrate(dsn)
        virtual.prepare(dsn)
        database = Database(dsn)
        Heart.database, Heart.dsn = database, dsn
        yield database
        database.close()


@pytest.mark.timeout(max(900, 4 * EXAMPLES))
def test_the_heart_keeps_its_promises(database: Database) -> None:
    number = int(os.environ.get("STELLWERK_MODEL_SEED", random.SystemRandom().randrange(1 << 32)))
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    bounds = settings(
        max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=checks, print_blob=True
    )
    try:
        run_state_machine_as_test(seed(number)(Heart), settings=bounds)
    except BaseException as error:
        error.add_note(f"run it again with STELLWERK_MODEL_SEED={number}")
        raise


def test_the_clock_is_in_our_hand(database: Database) -> None:
    database.set_clock(virtual.START + 5)
    assert database.rows("select clock_timestamp() as now") == [{"now": virtual.START + 5}]
