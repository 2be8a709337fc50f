"""RunService.SignalRun, and the signals that starts carry: from messages to commands. Decides nothing."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from stellwerk.v1 import run_pb2
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.model import ids
from stellwerk_server.model.commands import Signal, SignalRun
from stellwerk_server.model.errors import InvalidArgument, NotFound, Problem
from stellwerk_server.rpc import convert, names
from stellwerk_server.rpc.known import KnownRuns
from stellwerk_server.store import sql
from stellwerk_server.store.database import Pool

SQL = sql.load("waits")
_MAX_ID_CHARS = 200


def signal_in(message: run_pb2.Signal, request_id: str, field: str, max_bytes: int) -> Signal:
    """The signal of a message; without an id of its own it gets one that a repeat of the request has too."""
    names.check_name(f"{field}.name", message.name)
    names.check_text(f"{field}.signal_id", message.signal_id, _MAX_ID_CHARS)
    payload = convert.read_payload(message.payload, f"{field}.payload", max_bytes)
    if message.signal_id:
        return Signal(message.name, message.signal_id, payload)
    made_of = hashlib.sha256(request_id.encode()).hexdigest()[:32] if request_id else secrets.token_hex(16)
    return Signal(message.name, f"request/{made_of}", payload)


class RunSignals:
    """Tells runs things."""

    def __init__(self, workflows: Workflows, known: KnownRuns, pool: Pool, max_payload_bytes: int) -> None:
        self._known = known
        self._workflows = workflows
        self._pool = pool
        self._limit = max_payload_bytes

    async def SignalRun(self, request: run_pb2.SignalRunRequest, context: Any) -> run_pb2.SignalRunResponse:
        """Tell the run something; by its id, or by its workflow and idempotency key."""
        names.check_namespace(request.namespace)
        signal = signal_in(request.signal, request.request_id, "signal", self._limit)
        run_id = await self._run_of(request)
        run_id, outcome = await self._known.submit(SignalRun(run_id, signal))
        return run_pb2.SignalRunResponse(run_id=ids.show(run_id), deduplicated=not outcome.changed)

    async def _run_of(self, request: run_pb2.SignalRunRequest) -> int:
        if not request.run_id:
            return await self._run_of_key(request)
        if request.workflow or request.idempotency_key:
            came = "expected either run_id or workflow and idempotency_key, came both"
            raise InvalidArgument([Problem("run_id", came)])
        return await self._known.owned(request.namespace, request.run_id)

    async def _run_of_key(self, request: run_pb2.SignalRunRequest) -> int:
        workflow, key = request.workflow, request.idempotency_key
        missing = [name for name, value in (("workflow", workflow), ("idempotency_key", key)) if not value]
        if missing:
            came = "expected a run id, or workflow and idempotency_key; came none"
            raise InvalidArgument([Problem("run_id" if len(missing) > 1 else missing[0], came)])
        names.check_text("workflow", workflow, 200)
        names.check_text("idempotency_key", key, 512)
        namespace_id = await self._workflows.namespace_id(request.namespace)
        columns = {"namespace": namespace_id, "workflow": workflow, "key": key}
        async with self._pool.connection() as connection:
            found = await (await connection.execute(SQL.run_of_key, columns)).fetchone()
        if found is None:
            message = f"idempotency_key: no run of workflow {workflow!r} was started with {key!r}"
            raise NotFound("RUN_NOT_FOUND", message, workflow=workflow, idempotency_key=key)
        return int(found[0])
