"""DeadLetterService, the half that decides: requeue and discard, each the same twice as once."""

from __future__ import annotations

import hashlib
from typing import Any

from stellwerk.v1 import dead_letter_pb2
from stellwerk_server.commit.committer import Committer
from stellwerk_server.commit.outcome import Applied
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.model import ids
from stellwerk_server.model.commands import DiscardStep, RequeueStep
from stellwerk_server.model.errors import InvalidArgument, NotFound, Problem, Refused
from stellwerk_server.model.states import DeadLetterState, RunState
from stellwerk_server.rpc import names
from stellwerk_server.rpc.forks import Forks
from stellwerk_server.store import sql
from stellwerk_server.store.database import Pool

SQL = sql.load("waits")
PREFIX = "dl_"


class DeadLetterWrites:
    """Requeues and discards. An open run goes on or fails; for an ended one a fork does the work."""

    def __init__(self, committer: Committer, forks: Forks, workflows: Workflows, pool: Pool) -> None:
        self._committer = committer
        self._forks = forks
        self._workflows = workflows
        self._pool = pool

    async def RequeueDeadLetter(
        self, request: dead_letter_pb2.RequeueDeadLetterRequest, context: Any
    ) -> dead_letter_pb2.RequeueDeadLetterResponse:
        """Try again."""
        number, row = await self._find(request.namespace, request.dead_letter_id)
        run_id, step, attempt, state, requeued, run_state = row
        if state == DeadLetterState.DISCARDED:
            raise _decided(request.dead_letter_id, "discarded")
        if state == DeadLetterState.REQUEUED:
            return dead_letter_pb2.RequeueDeadLetterResponse(run_id=ids.show(requeued))
        if not RunState(run_state).terminal:
            applied = await self._committer.submit(RequeueStep(run_id, step, attempt))
            assert isinstance(applied, Applied)
            if not applied.changed and (await self._find(request.namespace, request.dead_letter_id))[1][3] == state:
                raise _run_open(request.dead_letter_id, run_id, applied)
            return dead_letter_pb2.RequeueDeadLetterResponse(run_id=ids.show(run_id))
        # The fork's request id is the dead letter's: a second requeue finds the same run, whatever happens in between.
        request_id = hashlib.sha256(f"requeue/{number}".encode()).digest()[:16]
        fork = await self._forks.fork(run_id, "", request_id)
        await self._resolve(number, DeadLetterState.REQUEUED, fork.run_id)
        return dead_letter_pb2.RequeueDeadLetterResponse(run_id=ids.show(fork.run_id))

    async def DiscardDeadLetter(
        self, request: dead_letter_pb2.DiscardDeadLetterRequest, context: Any
    ) -> dead_letter_pb2.DiscardDeadLetterResponse:
        """Give up."""
        names.check_text("reason", request.reason, 4_000)
        number, row = await self._find(request.namespace, request.dead_letter_id)
        run_id, step, attempt, state, _, run_state = row
        if state == DeadLetterState.REQUEUED:
            raise _decided(request.dead_letter_id, "requeued")
        if state == DeadLetterState.OPEN and not RunState(run_state).terminal:
            # Changes nothing when the run goes on without the step; the dead letter is settled all the same.
            await self._committer.submit(DiscardStep(run_id, step, attempt, request.reason))
        if state == DeadLetterState.OPEN:
            await self._resolve(number, DeadLetterState.DISCARDED, None)
        return dead_letter_pb2.DiscardDeadLetterResponse()

    async def _find(self, namespace: str, text: str) -> tuple[int, tuple[Any, ...]]:
        names.check_namespace(namespace)
        number = ids.parse(text, PREFIX)
        if number is None:
            example = ids.show(0, PREFIX)
            raise InvalidArgument([Problem("dead_letter_id", f"expected an id such as {example}, came {text[:80]!r}")])
        columns = {"id": number, "namespace": await self._workflows.namespace_id(namespace)}
        async with self._pool.connection() as connection:
            row = await (await connection.execute(SQL.dead_letter, columns)).fetchone()
        if row is None:
            raise NotFound("DEAD_LETTER_NOT_FOUND", f"dead_letter_id: there is no dead letter {text} in this namespace")
        return number, row

    async def _resolve(self, number: int, state: DeadLetterState, requeued: int | None) -> None:
        columns = {"id": number, "state": int(state), "requeued": requeued}
        async with self._pool.connection() as connection:
            await connection.execute(SQL.resolve_dead_letter, columns)


def _run_open(text: str, run_id: int, applied: Applied) -> Refused:
    shown = ids.show(run_id)
    state = applied.state.name
    message = f"dead letter {text}: {shown} is {state} and goes on without the step; requeue it when the run has ended"
    return Refused("RUN_OPEN", message, dead_letter_id=text, run_id=shown)


def _decided(text: str, how: str) -> Refused:
    return Refused("DEAD_LETTER_DECIDED", f"dead letter {text} was {how} before", dead_letter_id=text)
