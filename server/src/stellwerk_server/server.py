"""One server: opens the doors of its rooms, gRPC and HTTP, and closes them gracefully in reverse."""

from __future__ import annotations

import asyncio
import random
import resource
import time
from collections.abc import Mapping
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from starlette.routing import BaseRoute, Route

from stellwerk_server import __version__
from stellwerk_server.config import MIB, Config
from stellwerk_server.rooms import Rooms
from stellwerk_server.rpc import edge
from stellwerk_server.web.app import make_app
from stellwerk_server.web.listener import Listener, listen
from stellwerk_server.web.live import live_routes
from stellwerk_server.web.live_query import Opening
from stellwerk_server.web.live_socket import LiveSocket
from stellwerk_server.web.live_states import States
from stellwerk_server.web.metrics import Exposition, Scrape

# A connection that has not said hello by then is cut.
HANDSHAKE_S = 10.0
# A connection is asked this often whether anybody is there, and cut when nobody has answered in time: a host that lost
# its power says no goodbye, and who reads nothing does not answer either.
KEEPALIVE_S = 30.0
PING_TIMEOUT_S = 60.0
# Open files that connections of gRPC leave for the database, Redis, HTTP and everything else.
_OTHER_FILES = 512


class PortInUse(Exception):
    """The address is taken; the message names it."""


class Server:
    """A running server. `port` and `http_port` are those it listens on; it also is the status AdminService reports."""

    version = __version__

    def __init__(self, config: Config, rooms: Rooms) -> None:
        self.config = config
        self.started_at = time.time_ns() // 1000
        self.draining = False
        self.port = 0
        self.http_port = 0
        self._rooms = rooms
        self._pool = rooms.pool
        self._exposition = Exposition(rooms.metrics, rooms.pool, config.sibling)
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # not in the stubs
        interceptors = None if rooms.tracing is None else rooms.tracing.interceptors()
        self._grpc = grpc.aio.server(interceptors=interceptors, options=_options(config), maximum_concurrent_rpcs=None)
        methods = edge.methods(rooms.servicers(self))
        self._register(methods)
        self._app = make_app(config, methods, self, self._mounted(methods), rooms.metrics.requested)
        self._http: Listener | None = None

    @classmethod
    async def start(cls, config: Config) -> Server:
        """Start a server on a migrated database; returns once it answers.

        Raises psycopg.OperationalError when the database cannot be reached, PortInUse when the address is taken.
        """
        rooms = await Rooms.open(config)
        try:
            server = cls(config, rooms)
            await server._start()
        except BaseException:
            await rooms.pool.close()
            raise
        return server

    @property
    def database_up(self) -> bool:
        """Whether the last look at the database was answered."""
        return self._rooms.pulse.database_up

    @property
    def redis_up(self) -> bool:
        """Whether Redis answered last time; False without one."""
        return self._rooms.duplicates.up

    @property
    def max_payload_bytes(self) -> int:
        """The limit of each payload."""
        return self.config.max_payload_bytes

    async def stop(self) -> None:
        """Drain: polls end empty, calls and batches under way finish, then everything stops."""
        self.draining = True
        await self._health.enter_graceful_shutdown()
        await self._rooms.drain()
        await asyncio.gather(self._grpc.stop(self.config.drain_s), self._stop_http())
        await self._exposition.stop()
        await self._rooms.stop()

    async def _start(self) -> None:
        address = f"{_shown(self.config.host)}:{self.config.port}"
        try:
            self.port = self._grpc.add_insecure_port(address)
        except RuntimeError as error:
            raise PortInUse(f"cannot listen on {address}: is another server running there?") from error
        self._http = self._listen_http()
        self.http_port = self._http.port
        self._rooms.start()
        await self._grpc.start()
        for name in ["", *edge.service_names()]:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        await self._http.start()
        await self._exposition.start()

    async def _stop_http(self) -> None:
        # A WebSocket is closed at once: what is read live says its end before.
        await self._rooms.live.settle(1.0)
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
        opening = Opening(self._rooms.live, self._pool)
        live = live_routes(opening, LiveSocket(opening, States(methods)), self._rooms.metrics.reading)
        return [Route("/metrics", scrape), Route("/api/metrics", scrape), *live]

    def _register(self, methods: Mapping[str, edge.Method]) -> None:
        # Registered by name each method has a queue of its own: who floods one of them stands in nobody else's way.
        for service, handlers in edge.services(methods, self._rooms.metrics.called):
            self._grpc.add_registered_method_handlers(service, handlers)  # type: ignore[attr-defined]  # not in the stubs
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        reflection.enable_server_reflection(
            [*edge.service_names(), health.SERVICE_NAME, reflection.SERVICE_NAME], self._grpc
        )


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def connections_max() -> int:
    """How many connections gRPC takes at once: as many as this program may have files, less what it needs otherwise."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(files - _OTHER_FILES, files // 2) if files != resource.RLIM_INFINITY else 1 << 20


def _options(config: Config) -> list[tuple[str, Any]]:
    age_ms = random.randint(300_000, 600_000)
    return [
        ("grpc.so_reuseport", int(config.reuse_port)),
        ("grpc.max_concurrent_streams", 128),
        ("grpc.max_allowed_incoming_connections", connections_max()),
        ("grpc.server_handshake_timeout_ms", int(HANDSHAKE_S * 1000)),
        ("grpc.keepalive_time_ms", int(KEEPALIVE_S * 1000)),
        ("grpc.http2.ping_timeout_ms", int(PING_TIMEOUT_S * 1000)),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_receive_message_length", 16 * MIB),
        ("grpc.max_send_message_length", 16 * MIB),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_connection_age_ms", age_ms),
        ("grpc.max_connection_age_grace_ms", 90_000),
    ]
