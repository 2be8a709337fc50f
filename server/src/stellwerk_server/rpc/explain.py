"""RunService's ExplainRun: what an open run waits for, as messages. What that is, `dispatch.explaining` says."""

from __future__ import annotations

from stellwerk.v1 import run_pb2
from stellwerk_server.dispatch.causes import Cause
from stellwerk_server.dispatch.explaining import Explainer
from stellwerk_server.model import failure as failures
from stellwerk_server.model import ids
from stellwerk_server.rpc import convert
from stellwerk_server.rpc.fields import DEAD_LETTER_PREFIX, Fields
from stellwerk_server.rpc.run_reads import run_not_found


class RunExplain:
    """ExplainRun."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer

    async def ExplainRun(
        self, request: run_pb2.ExplainRunRequest, context: object = None
    ) -> run_pb2.ExplainRunResponse:
        """What the run waits for; answers also while the database is away."""
        fields = Fields()
        namespace = fields.namespace(request.namespace)
        run_id = fields.id("run_id", request.run_id)
        fields.raise_if_any()
        found = await self._explainer.explain(namespace, run_id)
        if found is None:
            raise run_not_found(namespace, request.run_id)
        return run_pb2.ExplainRunResponse(
            run_id=ids.show(found.run_id),
            state=int(found.state or 0),  # type: ignore[arg-type]  # same numbers as the enum
            now=convert.timestamp(found.now),
            summary=found.summary,
            causes=[_cause(cause) for cause in found.causes],
            more_causes=found.more,
            deadline=convert.timestamp(found.deadline),
        )


def _cause(cause: Cause) -> run_pb2.Cause:
    failure = None if cause.failure is None else failures.from_json(cause.failure)
    return run_pb2.Cause(
        kind=int(cause.kind),  # type: ignore[arg-type]  # same numbers as the enum
        step=cause.step,
        steps=cause.steps,
        sentence=cause.sentence,
        due_time=convert.timestamp(cause.due_at),
        since_time=convert.timestamp(cause.since),
        timeout_time=convert.timestamp(cause.timeout_at),
        signal=cause.signal,
        action=cause.action,
        queue=cause.queue,
        worker_id=cause.worker,
        last_seen_time=convert.timestamp(cause.seen_at),
        other_queues=cause.other_queues,
        similar=cause.similar,
        attempt=cause.attempt,
        max_attempts=cause.max_attempts,
        workers=cause.workers,
        slots=cause.slots,
        busy_slots=cause.busy,
        ahead=cause.ahead,
        child_run_id="" if cause.child is None else ids.show(cause.child),
        child_state=int(cause.child_state),  # type: ignore[arg-type]  # same numbers as the enum
        child_summary=cause.child_summary,
        reason=cause.reason,
        failure=convert.failure_message(failure),
        dead_letter_id="" if cause.letter is None else ids.show(cause.letter, DEAD_LETTER_PREFIX),
        build=cause.build,
    )
