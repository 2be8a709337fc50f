"""A run's history as the one JSON document that the SDKs' `replay` reads. Must not interpret an event."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from google.protobuf import json_format

from stellwerk import Client, Run
from stellwerk.retry import call
from stellwerk.v1 import run_pb2
from stellwerk_server.cli.command import QUICK_S


async def document(client: Client, run: Run) -> AsyncIterator[str]:
    """The document piece by piece, an event a line: a history may be larger than what fits into memory."""
    about = {"run_id": run.run_id, "workflow": run.workflow, "version": run.version}
    yield json.dumps(about, ensure_ascii=False)[:-1] + ', "events": ['
    between = "\n"
    async for event in _events(client, run.run_id):
        yield between + json.dumps(json_format.MessageToDict(event), ensure_ascii=False)
        between = ",\n"
    yield "\n]}\n"


async def _events(client: Client, run_id: str) -> AsyncIterator[run_pb2.Event]:
    request = run_pb2.GetHistoryRequest(namespace=client.namespace, run_id=run_id)
    while True:
        response = await call(
            lambda: client.stubs.runs.GetHistory(request, metadata=client.metadata),
            address=client.address,
            retry_s=QUICK_S,
        )
        for event in response.events:
            yield event
        request.page_token = response.next_page_token
        if not request.page_token:
            return
