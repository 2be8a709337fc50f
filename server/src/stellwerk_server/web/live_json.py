"""What live events say, as JSON: events, chunks, resets and ends, in the form of the other routes. Decides nothing."""

from __future__ import annotations

import orjson

from stellwerk_server.dispatch.results import Result
from stellwerk_server.dispatch.weaving import Reset
from stellwerk_server.model import failure as failures
from stellwerk_server.model import ids
from stellwerk_server.model.events import Event, EventType
from stellwerk_server.model.states import RunState
from stellwerk_server.rpc import convert
from stellwerk_server.rpc.wire import result_out
from stellwerk_server.store.chunks import Chunk
from stellwerk_server.store.feed import FeedEvent
from stellwerk_server.store.runs import Run
from stellwerk_server.web.json_out import encode, to_value


class LiveJson:
    """The encoder of all streams."""

    def event(self, event: Event, run: Run) -> bytes:
        """An entry of a run's history; the first one with the run's input."""
        if event.type is EventType.RUN_STARTED:
            return encode(convert.started_message(event, run))
        return encode(convert.event_message(event))

    def feed_event(self, event: FeedEvent) -> bytes:
        """An event with its run and workflow."""
        of = {"run_id": ids.show(event.run_id), "workflow": event.workflow, "version": event.version}
        return orjson.dumps({**to_value(convert.event_message(event.event)), **of})

    def chunk(self, chunk: Chunk) -> bytes:
        """A piece of a stream."""
        return encode(convert.chunk_message(chunk))

    def reset(self, reset: Reset) -> bytes:
        """The beginning of another attempt."""
        return orjson.dumps(reset._asdict())

    def end(self, run: Run) -> bytes:
        """How a run has ended."""
        failure = None if run.failure is None else failures.from_json(run.failure)
        result = result_out(Result(run.id, RunState(run.state), run.output, failure))
        return orjson.dumps({"reason": "RUN_ENDED", **to_value(result)})
