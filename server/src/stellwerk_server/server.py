"""One server: puts the rooms together, starts them in order, and stops them gracefully in reverse."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Iterable, Mapping
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from starlette.routing import BaseRoute, Route

from stellwerk_server import __version__
from stellwerk_server.commit.batch import Context
from stellwerk_server.commit.cache import RunCache
from stellwerk_server.commit.committer import Committer
from stellwerk_server.commit.outcome import Committed
from stellwerk_server.commit.poll import Grant
from stellwerk_server.commit.waiting import Waiting
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.config import MIB, Config
from stellwerk_server.dispatch.chunks import Chunks
from stellwerk_server.dispatch.claims import Claims
from stellwerk_server.dispatch.dispatcher import Dispatcher
from stellwerk_server.dispatch.duplicates import Duplicates
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
from stellwerk_server.rpc import edge
from stellwerk_server.rpc.admin import AdminServicer
from stellwerk_server.rpc.dead_letter_reads import DeadLetterReads
from stellwerk_server.rpc.dead_letters import DeadLetterWrites
from stellwerk_server.rpc.decisions import Decisions
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
from stellwerk_server.web.app import make_app
from stellwerk_server.web.listener import Listener, listen
from stellwerk_server.web.live import live_routes
from stellwerk_server.web.live_json import LiveJson
from stellwerk_server.web.live_query import Opening
from stellwerk_server.web.live_socket import LiveSocket
from stellwerk_server.web.live_states import States
from stellwerk_server.web.metrics import Exposition, Scrape

logger = logging.getLogger(__name__)
SQL = sql.load("registry")


class PortInUse(Exception):
    """The address is taken; the message names it."""


class Server:
    """A running server. `port` and `http_port` are those it listens on; it also is the status AdminService reports."""

    version = __version__

    def __init__(self, config: Config, pool: Pool, instance: int, secret: bytes) -> None:
        self.config = config
        self.started_at = time.time_ns() // 1000
        self.draining = False
        self.port = 0
        self.http_port = 0
        self._pool = pool
        self._tracing = open_tracing(secret, __version__)
        self._metrics = Metrics(__version__)
        ids = IdSource(instance)
        waiting = Waiting()
        self._workflows = Workflows(pool)
        self._sessions = Sessions()
        # Lanes of builds that runs stay on and a worker serves.
        self._live_pins: set[int] = set()
        self._committer = Committer(config.database_url, self._contexts(ids, waiting), self._publish)
        self._claims = Claims(config.database_url, waiting, self._workflows, config.lease_s, self._delivered)
        self._dispatcher = Dispatcher(waiting, self._claims, self._workflows, self._release, self._polled)
        self._results = Results()
        self._live = Live(pool, self._results, LiveJson(), config.feed_retention_s)
        self._chunks = Chunks(pool, self._streamed)
        self._duplicates = Duplicates(config.redis_url, secret)
        self._timers = Timers(pool, self._committer, self._metrics.timer_fired)
        self._activity = Activity(pool)
        self._auditor = Auditor(pool)
        self._exposition = Exposition(self._metrics, pool, self._auditor.stalled, config.sibling)
        leases = Leases(pool, self._committer, self._sessions, self._dispatcher.close_polls_of)
        self._lost_workers = LostWorkers(pool, self._committer, self._sessions)
        self._pulse = Pulse(pool, waiting, self._claims, self._results, leases, self._timers, self._live)
        self._loops: list[Loop] = [
            self._timers,
            leases,
            self._lost_workers,
            Touch(pool, self._sessions),
            Extend(pool, self._sessions, config.lease_s),
            self._pulse,
            Pins(pool, self._claims, self._live_pins),
            Moves(pool),
            Broom(pool, config.feed_retention_s),
            self._activity,
            self._auditor,
        ]
        self._wakeups = Wakeups(config.database_url, config.redis_url, instance, self._claims.hint, self._moved)
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # not in the stubs
        interceptors = None if self._tracing is None else self._tracing.interceptors()
        self._grpc = grpc.aio.server(interceptors=interceptors, options=_options(config), maximum_concurrent_rpcs=None)
        methods = edge.methods(self._servicers(ids))
        self._register(methods)
        self._app = make_app(config, methods, self, self._mounted(methods), self._metrics.requested)
        self._http: Listener | None = None
        self._claiming: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, config: Config) -> Server:
        """Start a server on a migrated database; returns once it answers.

        Raises psycopg.OperationalError when the database cannot be reached, PortInUse when the address is taken.
        """
        pool = read_pool(config.database_url, config.read_connections)
        await pool.open()
        try:
            async with pool.connection() as connection:
                instance = await (await connection.execute(SQL.next_instance)).fetchone()
                secret = await (await connection.execute(SQL.secret)).fetchone()
            assert instance is not None
            assert secret is not None
            server = cls(config, pool, instance[0], str(secret[0]).encode())
            await server._start()
        except BaseException:
            await pool.close()
            raise
        return server

    @property
    def database_up(self) -> bool:
        """Whether the last look at the database was answered."""
        return self._pulse.database_up

    @property
    def redis_up(self) -> bool:
        """Whether Redis answered last time; False without one."""
        return self._duplicates.up

    @property
    def max_payload_bytes(self) -> int:
        """The limit of each payload."""
        return self.config.max_payload_bytes

    async def stop(self) -> None:
        """Drain: polls end empty, calls and batches under way finish, then everything stops."""
        self.draining = True
        await self._health.enter_graceful_shutdown()
        # Workers lose their lines because we end them; whether they come back is for the next server to see.
        await self._lost_workers.stop()
        self._dispatcher.drain()
        self._worker.draining.set()
        self._results.drain()
        self._chunks.drain()
        await asyncio.gather(self._grpc.stop(self.config.drain_s), self._stop_http())
        await self._dispatcher.settle()
        for loop in reversed(self._loops):
            await loop.stop()
        self._claims.stop()
        if self._claiming is not None:
            await self._claiming
        await self._committer.stop()
        await self._exposition.stop()
        await self._wakeups.stop()
        await self._duplicates.close()
        await self._pool.close()
        if self._tracing is not None:
            await self._tracing.close()

    async def _start(self) -> None:
        address = f"{_shown(self.config.host)}:{self.config.port}"
        try:
            self.port = self._grpc.add_insecure_port(address)
        except RuntimeError as error:
            raise PortInUse(f"cannot listen on {address}: is another server running there?") from error
        self._http = self._listen_http()
        self.http_port = self._http.port
        self._committer.start()
        self._claiming = asyncio.create_task(self._claims.run(), name="claims")
        for loop in self._loops:
            loop.start()
        self._wakeups.start()
        await self._grpc.start()
        for name in ["", *edge.service_names()]:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        await self._http.start()
        await self._exposition.start()

    async def _stop_http(self) -> None:
        # A WebSocket is closed at once: what is read live says its end before.
        await self._live.settle(1.0)
        if self._http is not None:
            await self._http.stop(self.config.drain_s)

    def _listen_http(self) -> Listener:
        config = self.config
        port = config.http_port_wanted
        try:
            return Listener(self._app, listen(config.host, port, reuse_port=config.reuse_port))
        except OSError as error:
            address = f"http://{_shown(config.host)}:{port}"
            raise PortInUse(f"cannot listen on {address}: is another server running there? (--http-port)") from error

    def _mounted(self, methods: Mapping[str, edge.Method]) -> list[BaseRoute]:
        """Routes of HTTP that are no calls of servicers: live events and metrics."""
        scrape = Scrape(self._exposition)
        opening = Opening(self._live, self._pool)
        live = live_routes(opening, LiveSocket(opening, States(methods)), self._metrics.reading)
        return [Route("/metrics", scrape), Route("/api/metrics", scrape), *live]

    def _contexts(self, ids: IdSource, waiting: Waiting) -> list[Context]:
        config = self.config
        return [
            Context(
                RunCache(config.cached_runs),
                waiting,
                self._workflows,
                ids,
                config.lease_s,
                config.idempotency_ttl_s,
                config.commit_lanes,
                None if self._tracing is None else self._tracing.task_trace,
                self._sessions.build_of,
                self._live_pins,
            )
            for _ in range(config.commit_lanes)
        ]

    def _servicers(self, ids: IdSource) -> dict[str, tuple[object, ...]]:
        pool, workflows, committer, limit = self._pool, self._workflows, self._committer, self.config.max_payload_bytes
        starter = Starter(committer, workflows, self._duplicates, ids, limit)
        forks = Forks(committer, workflows, ids, pool)
        known = KnownRuns(committer, workflows, pool)
        heartbeat_ms = int(min(3.0, self.config.lease_s / 3) * 1000)
        self._worker = WorkerServicer(
            committer,
            self._dispatcher,
            self._sessions,
            self._chunks,
            workflows,
            Registration(pool, workflows, committer, self._live_pins),
            Decisions(workflows, limit),
            limit,
            heartbeat_ms,
            self._tracing,
        )
        return {
            "RunService": (
                RunWrites(committer, starter, forks, self._results, workflows, known),
                RunSignals(workflows, known, pool, limit),
                RunReads(pool, workflows, self._sessions.progress),
                StepReads(pool, workflows, self._sessions.progress),
                RunWatch(self._results, pool, self._metrics.reading),
            ),
            "WorkerService": (self._worker,),
            "WorkflowService": (WorkflowServicer(pool, workflows),),
            "DeadLetterService": (DeadLetterWrites(committer, forks, workflows, pool), DeadLetterReads(pool)),
            "AdminService": (AdminServicer(pool, self), Operations(pool, workflows, self._auditor.stalled)),
        }

    def _register(self, methods: Mapping[str, edge.Method]) -> None:
        for handler in edge.services(methods, self._metrics.called):
            self._grpc.add_generic_rpc_handlers((handler,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        reflection.enable_server_reflection(
            [*edge.service_names(), health.SERVICE_NAME, reflection.SERVICE_NAME], self._grpc
        )

    def _publish(self, committed: Committed) -> None:
        self._delivered(committed)
        self._timers.committed(committed)
        self._results.publish(committed)
        if committed.voided:
            self._sessions.void(committed.voided)
        self._live.committed(committed)
        self._wakeups.committed(committed)
        self._activity.committed(committed)
        self._metrics.committed(committed.events, committed.ended)
        self._metrics.transaction(committed.commands, committed.took_s, committed.fenced)
        if self._tracing is not None:
            self._tracing.committed(committed.events, committed.voided)

    def _polled(self, namespace_id: int, queue: str, tasks: int, claimed: bool) -> None:
        self._metrics.polled(self._workflows.namespace_name(namespace_id), queue, tasks, claimed=claimed)

    def _delivered(self, committed: Committed) -> None:
        self._dispatcher.deliver(committed)

    def _moved(self, ended: list[int], moved: list[int]) -> None:
        if set(ended).intersection(self._results.awaited()):
            self._pulse.poke()
        self._results.changed([*ended, *moved])
        self._live.moved([*ended, *moved])

    def _streamed(self, run_ids: Iterable[int]) -> None:
        self._results.changed(run_ids)
        self._live.streamed(run_ids)
        self._wakeups.streamed(run_ids)

    async def _release(self, grants: list[Grant]) -> None:
        commands = [ReleaseStep(g.run_id, g.step, g.attempt, g.secret) for g in grants]
        try:
            await self._committer.submit_all(commands)
        except Unavailable:
            logger.info("%s tasks reached nobody; their leases run out", len(grants))


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _options(config: Config) -> list[tuple[str, Any]]:
    age_ms = random.randint(300_000, 600_000)
    return [
        ("grpc.so_reuseport", int(config.reuse_port)),
        ("grpc.max_concurrent_streams", 128),
        ("grpc.max_receive_message_length", 16 * MIB),
        ("grpc.max_send_message_length", 16 * MIB),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_connection_age_ms", age_ms),
        ("grpc.max_connection_age_grace_ms", 90_000),
    ]
