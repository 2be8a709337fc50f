"""Two servers on one Postgres with a virtual clock, and what their clients and workers know of them. No rules yet."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

import redis
from hypothesis.stateful import RuleBasedStateMachine, invariant

from stellwerk_server.commit.outcome import Applied, Outcome
from stellwerk_server.commit.poll import Grant, Poll
from stellwerk_server.model import commands as c
from stellwerk_server.model.events import EventType, TimerKind
from stellwerk_server.model.ids import IdSource
from stellwerk_server.model.payload import Payload
from tests.model.checks import Tables
from tests.model.front import Front
from tests.model.virtual import Database
from tests.support.instance import Instance

HAND_OUT_S = 2.0
DEFINITIONS = (
    """
name: diamond
steps:
  - {id: a, action: x, timeout: {attempt: 8s}, retry: {max_attempts: 3, initial: 1s, non_retryable: [Fatal]}}
  - id: b
    action: x
    needs: [a]
    on_failure: continue
    timeout: {total: 6s}
    retry: {max_attempts: 2, initial: 2s, non_retryable: [Fatal]}
  - {id: c, action: x, needs: [a], priority: 3, retry: {max_attempts: 1}}
  - {id: d, action: x, needs: [b, c]}
""",
    """
name: parks
steps:
  - {id: a, action: x, needs: [], on_failure: park, retry: {max_attempts: 2, initial: 1s, non_retryable: [Fatal]}}
  - {id: f, action: x, needs: [], foreach: "${input.items}", on_failure: park, retry: {max_attempts: 1}}
  - {id: z, action: x, needs: [a, f], when: "input.n > 1"}
""",
    """
name: clocks
timeout: 30s
steps:
  - id: a
    action: x
    needs: []
    timeout: {attempt: 3s, total: 8s, start: 2s}
    on_failure: park
    retry: {initial: 1s}
  - {id: s, sleep: 2s, needs: []}
  - {id: f, action: x, needs: [], foreach: "${input.items}", timeout: {total: 5s, start: 3s}, on_failure: continue}
""",
    """
name: breaks
steps:
  - {id: a, action: x, needs: [], timeout: {start: 1s}}
  - {id: b, action: x, needs: [a], when: "input.items[0] < 9"}
  - {id: c, action: x, needs: [a], when: "input.items[1] < 9", on_failure: continue}
  - {id: d, action: x, needs: [a]}
  - {id: never, action: x, needs: [d], when: "input.n > 9"}
  - {id: z, action: x, needs: [b, c, d]}
  - {id: e, action: x, needs: [d]}
  - {id: last, action: x, needs: [never]}
output: "${steps.z.output}"
""",
    """
name: asks
steps:
  - {id: s, signal: go, needs: [], timeout: 5s, on_failure: continue}
  - {id: t, signal: go, needs: []}
  - {id: u, signal: stop, needs: [s]}
""",
    """
name: family
steps:
  - {id: k, workflow: diamond, needs: [], timeout: 20s, on_failure: continue}
  - id: m
    workflow: asks
    needs: []
    foreach: "${input.items}"
    parent_close: terminate
    retry: {max_attempts: 2, initial: 1s}
    on_failure: continue
  - {id: z, workflow: nobody, needs: [k, m], parent_close: abandon}
""",
)
# Registered in a namespace of its own too, under the same name.
FOREIGN = DEFINITIONS[0]
OTHER = "other"
# Of the numbers 0 to 11 that pick something, those from this on may pick a task that is no longer its worker's.
STALE = 10
SPENT = Payload(b"spent")
T = TypeVar("T")


class Counted(IdSource):
    """Ids that are the same each time a sequence of rules is replayed: the jitter of retries is derived from them."""

    def __init__(self) -> None:
        super().__init__(1)
        self._count = itertools.count(1 << 40)

    def next(self) -> int:
        return next(self._count)


class Servers(RuleBasedStateMachine):
    """Two servers, their polls and workers, as the outside world sees them."""

    database: ClassVar[Database]
    dsn: ClassVar[str]
    redis_url: ClassVar[str | None] = None
    # What every example begins with; registered once, by the first.
    registered: ClassVar[list[c.Workflow]] = []

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.database.clear()
        if self.redis_url is not None:
            with redis.Redis.from_url(self.redis_url) as client:
                client.flushall()
        self.ids = Counted()
        self.servers = [Instance(self.dsn, ids=self.ids) for _ in range(2)]
        self.fronts = [Front(server, self.redis_url) for server in self.servers]
        self.workflows = self.run(self._begin())
        self.runs: list[int] = []
        # The run and the digest of its input by namespace, workflow and key.
        self.keys: dict[tuple[str, str, str], tuple[int, bytes]] = {}
        # The payloads of acknowledged signals by run and id.
        self.told_once: dict[tuple[int, str], bytes] = {}
        # Acknowledged chunks by run, step, attempt and sequence.
        self.streamed: dict[tuple[int, str, int, int], bytes] = {}
        self.polls: list[tuple[Instance, Poll]] = []
        self.held: list[Grant] = []
        self.used: list[tuple[Grant, Payload]] = []
        self.secrets: set[bytes] = set()
        self.recorded: dict[tuple[int, str], Payload] = {}
        self.ended: set[int] = set()
        self.last_start: c.StartRun | None = None

    def teardown(self) -> None:
        self.run(self._end())
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it on this machine's loop."""
        return self.loop.run_until_complete(asyncio.wait_for(work, 30))

    async def _begin(self) -> list[c.Workflow]:
        for server in self.servers:
            await self._start(server)
        if not self.registered:
            type(self).registered = await self._register(self.servers[0])
        return self.registered

    async def _start(self, server: Instance) -> None:
        await server.start()
        # What it would read and compile anew for each example.
        server.workflows._by_id.update({workflow.id: workflow for workflow in self.registered})

    async def _register(self, one: Instance) -> list[c.Workflow]:
        return [*[await one.register(text) for text in DEFINITIONS], await one.register(FOREIGN, OTHER)]

    async def _end(self) -> None:
        for server, front in zip(self.servers, self.fronts, strict=True):
            await server.stop()
            await front.duplicates.close()

    @property
    def foreign(self) -> c.Workflow:
        """The workflow of the other namespace."""
        return self.workflows[-1]

    def namespace(self, run: int) -> str:
        """The name of the run's namespace."""
        return self._workflow(run).namespace

    def name(self, run: int) -> str:
        """The name of the run's workflow."""
        return self._workflow(run).name

    def _workflow(self, run: int) -> c.Workflow:
        row = self.database.rows("select workflow_id from runs where id = %s", run)[0]
        return next(w for w in self.workflows if w.id == row["workflow_id"])

    def open_first(self) -> list[int]:
        """All runs: those somebody works on, those that are open, then the others; of each the newest first."""
        sql = "select id from runs r order by state >= 5,"
        sql += " exists (select from leases l where l.run_id = r.id) desc, id desc"
        return [row["id"] for row in self.database.rows(sql)]

    def tables(self) -> Tables:
        """Everything there is now."""
        return Tables(self.database, lambda number: next(w for w in self.workflows if w.id == number))

    def replace(self, server: int) -> None:
        """A server goes and another comes: its cache is empty, its polls end."""
        old, front = self.servers[server], self.fronts[server]
        for instance, poll in self.polls:
            if instance is old:
                poll.close()
        self.hand_out()
        self.run(old.stop())
        self.run(front.duplicates.close())
        self.servers[server] = Instance(self.dsn, ids=self.ids)
        self.fronts[server] = Front(self.servers[server], self.redis_url)
        self.run(self._start(self.servers[server]))

    def submit(self, server: int, command: c.Command) -> Outcome:
        """The outcome of one command."""
        return self.run(self.servers[server].submit(command))[0]

    @invariant()
    def everything_holds(self) -> None:
        """The invariants, and that nothing acknowledged was lost."""
        self.hand_out()
        tables = self.tables()
        tables.check()
        self.runs += sorted(set(tables.children).difference(self.runs))
        assert set(self.runs) == set(tables.runs)
        for (run, step), output in self.recorded.items():
            assert tables.steps[run, step]["output"] == output
        assert not {run for run in self.ended if not tables.folds[run].state.terminal}
        self.what_was_said_is_there(tables)

    def what_was_said_is_there(self, tables: Tables) -> None:
        """I4, I13: acknowledged signals stand in the history, acknowledged chunks in their table, nothing else does."""
        signals = {
            (run, event.data["id"]): event.payload
            for run, events in tables.events.items()
            for event in events
            if event.type is EventType.RUN_SIGNALLED and event.data is not None and "/" not in event.data["id"]
        }
        assert signals == self.told_once
        assert {place: row["payload"] for place, row in tables.chunks.items()} == self.streamed

    def look_at_clock(self, server: int) -> None:
        """Every timer is tried, due or not; leases that are over are taken."""
        leased = self.database.rows("select run_id, step, attempt from leases")
        self._fire_timers(server)
        unstarted = self.database.rows(
            "select run_id, step, attempt from dead_letters where failure like '%%StartTimeout%%'"
        )
        assert not [place for place in unstarted if place in leased]
        self.run(self.servers[server].leases.run_once())
        assert not self.database.rows("select 1 from leases where expires_at <= clock_timestamp()")
        for _ in range(30):
            if not self.database.rows("select 1 from timers where kind >= %s", TimerKind.CHILD_ENDED):
                break
            self._fire_timers(server)
        assert not self.database.rows("select 1 from timers where due_at <= clock_timestamp()")

    def _fire_timers(self, server: int) -> None:
        commands = [
            c.FireTimer(row["run_id"], row["step"], TimerKind(row["kind"]), row["due_at"])
            for row in self.database.all("timers")
        ]
        for outcome in self.run(self.servers[server].submit(*commands, *commands[::2])):
            assert isinstance(outcome, Applied), outcome

    def spent(self, grant: Grant, value: Payload = SPENT) -> None:
        """Its worker has used up the token, and still has it."""
        self.held.remove(grant)
        self.used.append((grant, value))

    def pick(self, number: int, among: list[T]) -> T:
        """One of them."""
        return among[number % len(among)]

    def leased(self, grant: Grant) -> bool:
        """Whether this token is the current one."""
        found = self.database.rows(
            "select 1 from leases where run_id = %s and step = %s and attempt = %s and token = %s",
            grant.run_id, grant.step, grant.attempt, grant.secret.hex(),
        )  # fmt: skip
        return bool(found)

    def any_grant(self, server: int, number: int) -> Grant | None:
        """A task somebody was given, most often one that is still theirs; polls for one when there is none."""
        if number >= STALE and self.held:
            return self.pick(number, self.held)
        for foreign in (False, True):
            if not (live := self.live()):
                self._poll(server, 4, foreign=foreign)
        live = live or self.live()
        return self.pick(number, live or self.held) if self.held else None

    def live(self) -> list[Grant]:
        """The tasks given to somebody whose tokens are current."""
        tokens = {row["token"] for row in self.database.rows("select token from leases")}
        return [grant for grant in self.held if grant.secret in tokens]

    def _poll(self, server: int, size: int, *, foreign: bool = False) -> None:
        async def wait() -> None:
            instance = self.servers[server]
            workflow = self.foreign if foreign else self.workflows[0]
            self.polls.append((instance, instance.wait(workflow, size, worker=f"{workflow.namespace}{server}")))

        self.run(wait())
        self.hand_out()

    def digest(self) -> list[Any]:
        """The rows that say where runs stand, to be compared."""
        tables = ("runs", "events", "steps", "ready", "leases", "timers", "dead_letters", "children", "chunks")
        return [sorted(map(repr, rows)) for rows in self.database.many([f"table {table}" for table in tables])]

    def hand_out(self) -> None:
        """I20: what is queued reaches a poll that waits for it; then the answered polls are read."""
        self.run(self._hand_out())
        for instance, poll in [(i, p) for i, p in self.polls if p.future.done()]:
            self.polls.remove((instance, poll))
            instance.waiting.remove(poll)
            for grant in poll.tasks:
                self._granted(grant)

    async def _hand_out(self) -> None:
        for server in self.servers:
            await server.dispatcher.settle()
        async with asyncio.timeout(HAND_OUT_S):
            while waiting := self._unserved():
                for instance, poll in waiting:
                    instance.pulse(poll)
                await asyncio.sleep(0.002)

    def _unserved(self) -> list[tuple[Instance, Poll]]:
        waiting = [(instance, poll) for instance, poll in self.polls if not poll.future.done()]
        if not waiting:
            return []
        lanes = {row["lane"] for row in self.database.rows("select distinct lane from ready")}
        return [(instance, poll) for instance, poll in waiting if lanes.intersection(poll.lanes) or poll.reserved]

    def _granted(self, grant: Grant) -> None:
        """I3, I4, I9, I15: never a finished step, an ended run, a token twice, or another namespace's."""
        assert grant.secret not in self.secrets
        assert (grant.run_id, grant.step) not in self.recorded
        assert grant.run_id not in self.ended
        assert grant.worker.startswith((grant.workflow.namespace, "w"))
        self._check_input(grant)
        self.secrets.add(grant.secret)
        self.held.append(grant)

    def _check_input(self, grant: Grant) -> None:
        """A task carries what its step was given."""
        rows = self.database.rows("select input from steps where run_id = %s and key = %s", grant.run_id, grant.step)
        assert not rows or grant.input == (rows[0]["input"] or b"null")
