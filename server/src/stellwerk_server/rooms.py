"""The rooms of one server put together, without its doors: everything between the servicers and the database.

Opens no port and knows no client; a server holds one, and so does each simulated server.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from stellwerk_server import __version__
from stellwerk_server.commit.batch import Context
from stellwerk_server.commit.cache import RunCache
from stellwerk_server.commit.committer import Committer
from stellwerk_server.commit.outcome import Committed
from stellwerk_server.commit.poll import Grant
from stellwerk_server.commit.waiting import Waiting
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.config import Config
from stellwerk_server.dispatch.chunks import Chunks
from stellwerk_server.dispatch.claims import Claims
from stellwerk_server.dispatch.dispatcher import Dispatcher
from stellwerk_server.dispatch.duplicates import Duplicates
from stellwerk_server.dispatch.explaining import Explainer
from stellwerk_server.dispatch.live import Live
from stellwerk_server.dispatch.results import Results
from stellwerk_server.dispatch.sessions import Sessions
from stellwerk_server.dispatch.wakeups import Wakeups
from stellwerk_server.loops.activity import Activity
from stellwerk_server.loops.auditor import Auditor
from stellwerk_server.loops.base import Loop
from stellwerk_server.loops.broom import Broom
from stellwerk_server.loops.leases import Leases, LostWorkers
from stellwerk_server.loops.moves import Moves
from stellwerk_server.loops.pins import Pins
from stellwerk_server.loops.pulse import Pulse
from stellwerk_server.loops.timers import Timers
from stellwerk_server.loops.workers import Extend, Touch
from stellwerk_server.model.commands import ReleaseStep
from stellwerk_server.model.errors import Unavailable
from stellwerk_server.model.ids import IdSource
from stellwerk_server.rpc.admin import AdminServicer, ServerStatus
from stellwerk_server.rpc.dead_letter_reads import DeadLetterReads
from stellwerk_server.rpc.dead_letters import DeadLetterWrites
from stellwerk_server.rpc.decisions import Decisions
from stellwerk_server.rpc.explain import RunExplain
from stellwerk_server.rpc.forks import Forks
from stellwerk_server.rpc.known import KnownRuns
from stellwerk_server.rpc.operations import Operations
from stellwerk_server.rpc.registration import Registration
from stellwerk_server.rpc.run_reads import RunReads
from stellwerk_server.rpc.runs import RunWrites
from stellwerk_server.rpc.signals import RunSignals
from stellwerk_server.rpc.starts import Starter
from stellwerk_server.rpc.step_reads import StepReads
from stellwerk_server.rpc.watch import RunWatch
from stellwerk_server.rpc.worker import WorkerServicer
from stellwerk_server.rpc.workflows import WorkflowServicer
from stellwerk_server.store import sql
from stellwerk_server.store.database import Pool, read_pool
from stellwerk_server.telemetry import open_tracing
from stellwerk_server.telemetry.metrics import Metrics
from stellwerk_server.web.live_json import LiveJson

logger = logging.getLogger(__name__)
SQL = sql.load("registry")


class Rooms:
    """Committer, dispatcher, loops and servicers of one server, from `open` to `stop`."""

    def __init__(self, config: Config, pool: Pool, instance: int, secret: bytes) -> None:
        self.pool = pool
        self.tracing = open_tracing(secret, __version__)
        self.metrics = Metrics(__version__)
        self._config = config
        self._ids = IdSource(instance)
        self.waiting = Waiting()
        self._workflows = Workflows(pool)
        self._sessions = Sessions()
        # Lanes of builds that runs stay on and a worker serves.
        self._live_pins: set[int] = set()
        self._committer = Committer(config.database_url, self._contexts(), self._publish)
        self._claims = Claims(config.database_url, self.waiting, self._workflows, config.lease_s, self._delivered)
        self._dispatcher = Dispatcher(self.waiting, self._claims, self._workflows, self._release, self._polled)
        self._results = Results()
        self.live = Live(pool, self._results, LiveJson(), config.feed_retention_s)
        self._chunks = Chunks(pool, self._streamed)
        self.duplicates = Duplicates(config.redis_url, secret)
        self._timers = Timers(pool, self._committer, self.metrics.timer_fired)
        self._activity = Activity(pool)
        leases = Leases(pool, self._committer, self._sessions, self._dispatcher.close_polls_of)
        self._lost_workers = LostWorkers(pool, self._committer, self._sessions)
        self.pulse = Pulse(pool, self.waiting, self._claims, self._results, leases, self._timers, self.live)
        self._loops: list[Loop] = [
            self._timers,
            leases,
            self._lost_workers,
            Touch(pool, self._sessions),
            Extend(pool, self._sessions, config.lease_s),
            self.pulse,
            Pins(pool, self._claims, self._live_pins),
            Moves(pool),
            Broom(pool, config.feed_retention_s),
            self._activity,
            Auditor(pool, self._committer, self.metrics.run_mended),
        ]
        self._wakeups = Wakeups(config.database_url, config.redis_url, instance, self._claims.hint, self._moved)
        self._worker = self._worker_servicer()
        self._claiming: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, config: Config) -> Rooms:
        """The rooms of a new instance on a migrated database; nothing runs before `start`.

        Raises psycopg.OperationalError when the database cannot be reached.
        """
        pool = read_pool(config.database_url, config.read_connections)
        await pool.open()
        try:
            async with pool.connection() as connection:
                instance = await (await connection.execute(SQL.next_instance)).fetchone()
                secret = await (await connection.execute(SQL.secret)).fetchone()
            assert instance is not None
            assert secret is not None
            return cls(config, pool, instance[0], str(secret[0]).encode())
        except BaseException:
            await pool.close()
            raise

    def start(self) -> None:
        """Begin to commit, to claim and to loop."""
        self._committer.start()
        self._claiming = asyncio.create_task(self._claims.run(), name="claims")
        for loop in self._loops:
            loop.start()
        self._wakeups.start()

    async def drain(self) -> None:
        """Polls end empty, and whoever is held waiting is let go; calls and batches under way go on."""
        # Workers lose their lines because we end them; whether they come back is for the next server to see.
        await self._lost_workers.stop()
        self._dispatcher.drain()
        self._worker.draining.set()
        self._results.drain()
        self._chunks.drain()

    async def stop(self) -> None:
        """Finish what was committed or handed out, then end everything; no call may be under way any more."""
        await self._dispatcher.settle()
        for loop in reversed(self._loops):
            await loop.stop()
        self._claims.stop()
        if self._claiming is not None:
            await self._claiming
        await self._committer.stop()
        await self._wakeups.stop()
        await self.duplicates.close()
        await self.pool.close()
        if self.tracing is not None:
            await self.tracing.close()

    def servicers(self, status: ServerStatus) -> dict[str, tuple[object, ...]]:
        """The objects that have the methods of each service."""
        config, pool, workflows, committer = self._config, self.pool, self._workflows, self._committer
        limit = config.max_payload_bytes
        starter = Starter(committer, workflows, self.duplicates, self._ids, limit)
        forks = Forks(committer, workflows, self._ids, pool)
        known = KnownRuns(committer, workflows, pool)
        return {
            "RunService": (
                RunWrites(committer, starter, forks, self._results, workflows, known),
                RunSignals(workflows, known, pool, limit),
                RunReads(pool, workflows, self._sessions.progress, self.waiting),
                StepReads(pool, workflows, self._sessions.progress, self.waiting),
                RunWatch(self._results, pool, self.metrics.reading),
                RunExplain(Explainer(pool, workflows, self.waiting, committer, lambda: self.pulse.database_up)),
            ),
            "WorkerService": (self._worker,),
            "WorkflowService": (WorkflowServicer(pool, workflows),),
            "DeadLetterService": (DeadLetterWrites(committer, forks, workflows, pool), DeadLetterReads(pool)),
            "AdminService": (AdminServicer(pool, status), Operations(pool, workflows)),
        }

    def _worker_servicer(self) -> WorkerServicer:
        limit = self._config.max_payload_bytes
        return WorkerServicer(
            self._committer,
            self._dispatcher,
            self._sessions,
            self._chunks,
            self._workflows,
            Registration(self.pool, self._workflows, self._committer, self._live_pins),
            Decisions(self._workflows, limit),
            limit,
            int(min(3.0, self._config.lease_s / 3) * 1000),
            self.tracing,
        )

    def _contexts(self) -> list[Context]:
        config = self._config
        return [
            Context(
                RunCache(config.cached_runs),
                self.waiting,
                self._workflows,
                self._ids,
                config.lease_s,
                config.idempotency_ttl_s,
                config.commit_lanes,
                None if self.tracing is None else self.tracing.task_trace,
                self._sessions.build_of,
                self._live_pins,
            )
            for _ in range(config.commit_lanes)
        ]

    def _publish(self, committed: Committed) -> None:
        self._delivered(committed)
        self._timers.committed(committed)
        self._results.publish(committed)
        if committed.voided:
            self._sessions.void(committed.voided)
        self.live.committed(committed)
        self._wakeups.committed(committed)
        self._activity.committed(committed)
        self.metrics.committed(committed.events, committed.ended)
        self.metrics.transaction(committed.commands, committed.took_s, committed.fenced)
        if self.tracing is not None:
            self.tracing.committed(committed.events, committed.voided)

    def _polled(self, namespace_id: int, queue: str, tasks: int, claimed: bool) -> None:
        self.metrics.polled(self._workflows.namespace_name(namespace_id), queue, tasks, claimed=claimed)

    def _delivered(self, committed: Committed) -> None:
        self._dispatcher.deliver(committed)

    def _moved(self, ended: list[int], moved: list[int]) -> None:
        if set(ended).intersection(self._results.awaited()):
            self.pulse.poke()
        self._results.changed([*ended, *moved])
        self.live.moved([*ended, *moved])

    def _streamed(self, run_ids: Iterable[int]) -> None:
        self._results.changed(run_ids)
        self.live.streamed(run_ids)
        self._wakeups.streamed(run_ids)

    async def _release(self, grants: list[Grant]) -> None:
        commands = [ReleaseStep(g.run_id, g.step, g.attempt, g.secret) for g in grants]
        try:
            await self._committer.submit_all(commands)
        except Unavailable:
            logger.info("%s tasks reached nobody; their leases run out", len(grants))
