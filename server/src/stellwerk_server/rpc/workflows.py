"""WorkflowService: registers, checks and shows definitions. What a definition means is definition/'s to say."""

from __future__ import annotations

import asyncio
from typing import Any

from psycopg_pool import AsyncConnectionPool

from stellwerk.v1 import payload_pb2, workflow_pb2
from stellwerk_server import definition
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.model.errors import InvalidArgument, NotFound
from stellwerk_server.rpc import convert
from stellwerk_server.rpc.fields import Fields, page_token
from stellwerk_server.store import workflows
from stellwerk_server.store.rows import Page
from stellwerk_server.store.workflows import MAX_VERSION, WorkflowRow

LIST_SIZE, LIST_SIZE_MAX = 50, 500


class WorkflowServicer:
    """The whole service."""

    def __init__(self, pool: AsyncConnectionPool[Any], registry: Workflows) -> None:
        self._pool = pool
        self._registry = registry

    async def ApplyWorkflow(
        self, request: workflow_pb2.ApplyWorkflowRequest, context: object = None
    ) -> workflow_pb2.ApplyWorkflowResponse:
        """Make a definition the current version of its name."""
        fields = Fields()
        namespace = fields.namespace(request.namespace)
        fields.raise_if_any()
        parsed = await asyncio.to_thread(definition.parse, request.definition)
        namespace_id = await self._registry.namespace_id(namespace)
        async with self._pool.connection() as connection:
            row, created = await workflows.apply(
                connection, namespace_id, parsed.name, definition.digest(parsed), parsed.canonical
            )
        self._registry.forget_current(namespace_id, parsed.name)
        return workflow_pb2.ApplyWorkflowResponse(workflow=_message(namespace, row), created=created)

    async def ValidateWorkflow(
        self, request: workflow_pb2.ValidateWorkflowRequest, context: object = None
    ) -> workflow_pb2.ValidateWorkflowResponse:
        """Everything that is wrong with a definition."""
        try:
            await asyncio.to_thread(definition.parse, request.definition)
        except InvalidArgument as error:
            problems = [payload_pb2.FieldProblem(field=p.field, description=p.description) for p in error.problems]
            return workflow_pb2.ValidateWorkflowResponse(problems=problems)
        return workflow_pb2.ValidateWorkflowResponse()

    async def GetWorkflow(
        self, request: workflow_pb2.GetWorkflowRequest, context: object = None
    ) -> workflow_pb2.GetWorkflowResponse:
        """One version, or the current one."""
        fields = Fields()
        namespace = fields.namespace(request.namespace)
        name = fields.text("name", request.name, required=True)
        if request.version < 0:
            fields.refuse("version", "1 or more, or 0 for the current version", request.version)
        fields.raise_if_any()
        async with self._pool.connection() as connection:
            row = await workflows.get(connection, namespace, name, request.version)
        if row is None:
            which = f"version {request.version} of workflow" if request.version else "workflow"
            raise NotFound("WORKFLOW_NOT_FOUND", f"name: there is no {which} {name!r} in namespace {namespace!r}")
        return workflow_pb2.GetWorkflowResponse(workflow=_message(namespace, row))

    async def ListWorkflows(
        self, request: workflow_pb2.ListWorkflowsRequest, context: object = None
    ) -> workflow_pb2.ListWorkflowsResponse:
        """The current version of every workflow, or all versions of one."""
        fields = Fields()
        namespace = fields.namespace(request.namespace)
        name = fields.text("name", request.name)
        size = fields.page_size(request.page_size, LIST_SIZE, LIST_SIZE_MAX)
        scope = ("workflows", namespace, name)
        after_name, before_version = "", MAX_VERSION
        if name:
            position = fields.number_position(request.page_token, *scope)
            before_version = MAX_VERSION if position is None else min(position, MAX_VERSION)
        else:
            after_name = fields.position(request.page_token, *scope) or ""
        fields.raise_if_any()
        async with self._pool.connection() as connection:
            if name:
                page = await workflows.list_versions(connection, namespace, name, size, before_version)
            else:
                page = await workflows.list_current(connection, namespace, size, after_name)
        return workflow_pb2.ListWorkflowsResponse(
            workflows=[_message(namespace, row) for row in page.rows],
            next_page_token=_next_token(page, name, scope),
        )


def _next_token(page: Page[WorkflowRow], name: str, scope: tuple[object, ...]) -> str:
    if not page.more:
        return ""
    last = page.rows[-1]
    return page_token(last.version if name else last.name, *scope)


def _message(namespace: str, row: WorkflowRow) -> workflow_pb2.Workflow:
    return workflow_pb2.Workflow(
        namespace=namespace,
        name=row.name,
        version=row.version,
        definition=row.definition,
        create_time=convert.timestamp(row.created_at),
        current=row.current,
    )
