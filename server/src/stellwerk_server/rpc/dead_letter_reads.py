"""DeadLetterService's reads. Requeue and discard change runs and are not here."""

from __future__ import annotations

from typing import Any

from psycopg_pool import AsyncConnectionPool

from stellwerk.v1 import dead_letter_pb2
from stellwerk_server.model.states import DeadLetterState
from stellwerk_server.rpc import convert
from stellwerk_server.rpc.fields import Fields, page_token
from stellwerk_server.store import dead_letters
from stellwerk_server.store.dead_letters import DeadLetterFilter

LIST_SIZE, LIST_SIZE_MAX = 50, 500


class DeadLetterReads:
    """ListDeadLetters."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def ListDeadLetters(
        self, request: dead_letter_pb2.ListDeadLettersRequest, context: object = None
    ) -> dead_letter_pb2.ListDeadLettersResponse:
        """Dead letters that fit the filter, newest first; open ones when no state is named."""
        fields = Fields()
        namespace = fields.namespace(request.namespace)
        workflow = fields.text("workflow", request.workflow)
        action = fields.text("action", request.action)
        run_id = fields.id("run_id", request.run_id) if request.run_id else None
        states = fields.states("states", request.states, DeadLetterState) or [DeadLetterState.OPEN]
        size = fields.page_size(request.page_size, LIST_SIZE, LIST_SIZE_MAX)
        scope = ("dead letters", namespace, workflow, action, run_id, sorted(states))
        before_id = fields.number_position(request.page_token, *scope)
        fields.raise_if_any()
        wanted = DeadLetterFilter(namespace, workflow, action, run_id, states, before_id)
        async with self._pool.connection() as connection:
            page = await dead_letters.list_page(connection, wanted, size)
        return dead_letter_pb2.ListDeadLettersResponse(
            dead_letters=[convert.dead_letter_message(letter) for letter in page.rows],
            next_page_token=page_token(page.rows[-1].id, *scope) if page.more else "",
        )
