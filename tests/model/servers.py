"""Two servers on one Postgres with a virtual clock, and what their clients and workers know of them. No rules yet."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from stellwerk_server.commit.outcome import Outcome
from stellwerk_server.commit.poll import Grant, Poll
from stellwerk_server.model import commands as c
from stellwerk_server.model.ids import IdSource
from stellwerk_server.model.payload import Payload
from tests.model.virtual import Database
from tests.support.instance import Instance

HAND_OUT_S = 2.0
DEFINITIONS = (
    """
name: diamond
steps:
  - {id: a, action: x, retry: {max_attempts: 3, initial: 1s}}
  - {id: b, action: x, needs: [a], on_failure: continue, retry: {max_attempts: 2, initial: 2s}}
  - {id: c, action: x, needs: [a], priority: 3, retry: {max_attempts: 1}}
  - {id: d, action: x, needs: [b, c]}
""",
    """
name: parks
steps:
  - {id: a, action: x, needs: [], on_failure: park, retry: {max_attempts: 2, initial: 1s}}
  - {id: f, action: x, needs: [], foreach: "${input.items}", on_failure: park, retry: {max_attempts: 1}}
  - {id: z, action: x, needs: [a, f], when: "input.n > 1"}
""",
    """
name: clocks
timeout: 30s
steps:
  - {id: a, action: x, timeout: {attempt: 3s, total: 8s, start: 2s}, on_failure: park, retry: {initial: 1s}}
  - {id: s, sleep: 2s}
  - {id: f, action: x, foreach: "${input.items}", timeout: {total: 5s, start: 3s}, on_failure: continue}
""",
    """
name: breaks
steps:
  - {id: a, action: x, needs: [], timeout: {start: 1s}}
  - {id: b, action: x, needs: [a], when: "input.items[0] < 9"}
  - {id: c, action: x, needs: [a], when: "input.items[1] < 9", on_failure: continue}
  - {id: d, action: x, needs: [a]}
  - {id: z, action: x, needs: [b, c, d]}
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

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.database.clear()
        self.ids = Counted()
        self.servers = [Instance(self.dsn, ids=self.ids) for _ in range(2)]
        self.workflows = self.run(self._begin())
        self.runs: list[int] = []
        self.keys: dict[tuple[str, str], tuple[int, bytes]] = {}
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
            await server.start()
        return [await self.servers[0].register(text) for text in DEFINITIONS]

    async def _end(self) -> None:
        for server in self.servers:
            await server.stop()

    def submit(self, server: int, command: c.Command) -> Outcome:
        """The outcome of one command."""
        return self.run(self.servers[server].submit(command))[0]

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
        """A task somebody was given; polls for one when there is none."""
        if not self.held:
            self._poll(server, 4)
        return self.pick(number, self.held) if self.held else None

    def _poll(self, server: int, size: int) -> None:
        async def wait() -> None:
            instance = self.servers[server]
            self.polls.append((instance, instance.wait(self.workflows[0], size, worker=f"w{server}")))

        self.run(wait())
        self.hand_out()

    def _digest(self) -> list[Any]:
        tables = ("runs", "events", "steps", "ready", "leases", "timers", "dead_letters", "children")
        return [sorted(map(repr, self.database.all(table))) for table in tables]

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
        """I3, I4, I9: never a finished step, never an ended run, never a token twice."""
        assert grant.secret not in self.secrets
        assert (grant.run_id, grant.step) not in self.recorded
        assert grant.run_id not in self.ended
        self.secrets.add(grant.secret)
        self.held.append(grant)
