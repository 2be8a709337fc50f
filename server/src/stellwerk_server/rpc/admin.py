"""AdminService: what the operator looks at. Changes nothing."""

from __future__ import annotations

from typing import Any, Protocol

import psycopg
from psycopg_pool import AsyncConnectionPool

from stellwerk.v1 import admin_pb2
from stellwerk_server.model.events import Instant
from stellwerk_server.rpc.convert import timestamp
from stellwerk_server.rpc.fields import Fields
from stellwerk_server.store import clock, queues, workers


class ServerStatus(Protocol):
    """What a server knows about itself."""

    @property
    def version(self) -> str:
        """The version of Stellwerk."""

    @property
    def started_at(self) -> Instant:
        """When this server came up."""

    @property
    def draining(self) -> bool:
        """True once it takes no new work."""

    @property
    def redis_up(self) -> bool:
        """False also when no Redis is configured."""

    @property
    def max_payload_bytes(self) -> int:
        """The largest payload it takes."""


class AdminServicer:
    """The whole service."""

    def __init__(self, pool: AsyncConnectionPool[Any], status: ServerStatus) -> None:
        self._pool = pool
        self._status = status

    async def GetServer(
        self, request: admin_pb2.GetServerRequest, context: object = None
    ) -> admin_pb2.GetServerResponse:
        """How the server is; answers also while the database is away."""
        now = await self._database_now()
        return admin_pb2.GetServerResponse(
            version=self._status.version,
            start_time=timestamp(self._status.started_at),
            now=timestamp(now),
            draining=self._status.draining,
            database_up=now is not None,
            redis_up=self._status.redis_up,
            max_payload_bytes=self._status.max_payload_bytes,
        )

    async def ListWorkers(
        self, request: admin_pb2.ListWorkersRequest, context: object = None
    ) -> admin_pb2.ListWorkersResponse:
        """The workers of a namespace, last seen first."""
        fields = Fields()
        namespace = fields.namespace(request.namespace)
        fields.raise_if_any()
        async with self._pool.connection() as connection:
            found = await workers.list_all(connection, namespace)
        return admin_pb2.ListWorkersResponse(workers=[_worker(worker) for worker in found])

    async def ListQueues(
        self, request: admin_pb2.ListQueuesRequest, context: object = None
    ) -> admin_pb2.ListQueuesResponse:
        """How much waits where, and who serves it."""
        fields = Fields()
        namespace = fields.namespace(request.namespace)
        fields.raise_if_any()
        async with self._pool.connection() as connection:
            found = await queues.list_all(connection, namespace)
        return admin_pb2.ListQueuesResponse(queues=[_queue(queue) for queue in found])

    async def _database_now(self) -> Instant | None:
        try:
            async with self._pool.connection(timeout=1.0) as connection:
                return await clock.database_now(connection)
        except psycopg.Error:
            return None


def _worker(worker: workers.Worker) -> admin_pb2.Worker:
    return admin_pb2.Worker(
        worker_id=worker.id,
        queue=worker.queue,
        actions=worker.actions,
        slots=worker.slots,
        leased=worker.leased,
        sdk=worker.sdk,
        host=worker.host,
        first_seen_time=timestamp(worker.first_seen_at),
        last_seen_time=timestamp(worker.seen_at),
    )


def _queue(queue: queues.Queue) -> admin_pb2.Queue:
    return admin_pb2.Queue(
        queue=queue.queue,
        action=queue.action,
        ready=queue.ready,
        leased=queue.leased,
        workers=queue.workers,
        oldest_ready_time=timestamp(queue.oldest_ready_at),
    )
