"""A server that keeps the transport contract on a real socket and follows a script: it may refuse, cut or delay.

Must not become an engine: it hands out the tasks a test offers and remembers what came back.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2

from stellwerk.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    dead_letter_pb2,
    dead_letter_pb2_grpc,
    payload_pb2,
    run_pb2,
    run_pb2_grpc,
    worker_pb2,
    worker_pb2_grpc,
    workflow_pb2,
    workflow_pb2_grpc,
)

Act = Callable[[Any, grpc.aio.ServicerContext], Any]


def task(action: str = "noop", value: Any = None, **fields: Any) -> worker_pb2.Task:
    """A task whose token is its run id."""
    fields.setdefault("run_id", "run_1")
    fields.setdefault("step", "s1")
    fields.setdefault("attempt", 1)
    fields.setdefault("max_attempts", 4)
    fields.setdefault("workflow", "wf")
    payload = payload_pb2.Payload(json=json.dumps(value))
    fields.setdefault("input", payload)
    return worker_pb2.Task(token=fields["run_id"].encode(), action=action, **fields)


def refusing(code: grpc.StatusCode, message: str = "no", *details: Any) -> Act:
    """An act that ends the call with a status, and google.rpc details if there are any."""

    async def act(request: Any, context: grpc.aio.ServicerContext) -> None:
        await context.abort(code, message, _trailer(code, message, details))

    return act


def _trailer(code: grpc.StatusCode, message: str, details: Iterable[Any]) -> tuple[tuple[str, bytes], ...]:
    packed = []
    for detail in details:
        packed.append(AnyMessage())
        packed[-1].Pack(detail)
    if not packed:
        return ()
    status = status_pb2.Status(code=code.value[0], message=message, details=packed)
    return (("grpc-status-details-bin", status.SerializeToString()),)


def error_info(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain="stellwerk", metadata=metadata)


class FakeServer(
    worker_pb2_grpc.WorkerServiceServicer,
    run_pb2_grpc.RunServiceServicer,
    workflow_pb2_grpc.WorkflowServiceServicer,
    dead_letter_pb2_grpc.DeadLetterServiceServicer,
    admin_pb2_grpc.AdminServiceServicer,
):
    """`acts[method]` is played, one a call, before the method does what it always does."""

    def __init__(self) -> None:
        self.port = 0
        self.seen: dict[str, list[Any]] = {}
        self.acts: dict[str, deque[Act]] = {}
        self.tasks: deque[worker_pb2.Task] = deque()
        self.results: dict[bytes, worker_pb2.TaskResult] = {}
        self.verdicts: dict[bytes, deque[payload_pb2.Refusal]] = {}
        self.journals: dict[bytes, deque[worker_pb2.Journal]] = {}
        self.history: list[run_pb2.Event] = [run_pb2.Event(sequence=1, type="RUN_STARTED")]
        self.history_page = 1_000
        self.runs: dict[str, run_pb2.RunResult] = {}
        self.start_refusals: deque[payload_pb2.Refusal | None] = deque()
        self.watches: deque[list[run_pb2.WatchRunResponse]] = deque()
        self.cancels: asyncio.Queue[worker_pb2.CancelledTask] = asyncio.Queue()
        self.chunk_refusal: payload_pb2.Refusal | None = None
        self.draining = asyncio.Event()
        self.end_at_once = False
        self.interval_ms = 100
        self.metadata: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._server: grpc.aio.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen on a free port, or on the one it had before."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        worker_pb2_grpc.add_WorkerServiceServicer_to_server(self, self._server)
        run_pb2_grpc.add_RunServiceServicer_to_server(self, self._server)
        workflow_pb2_grpc.add_WorkflowServiceServicer_to_server(self, self._server)
        dead_letter_pb2_grpc.add_DeadLetterServiceServicer_to_server(self, self._server)
        admin_pb2_grpc.add_AdminServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop(None)

    def play(self, method: str, *acts: Act) -> None:
        """Put acts into the script of a method."""
        self.acts.setdefault(method, deque()).extend(acts)

    def offer(self, *tasks: worker_pb2.Task) -> None:
        self.tasks.extend(tasks)
        self.change()

    def end(self, run_id: str, state: str = "SUCCEEDED", output: Any = None, **fields: Any) -> None:
        """End a run: whoever awaits it hears of it."""
        payload = payload_pb2.Payload(json=json.dumps(output))
        number = run_pb2.RunState.Value(f"RUN_STATE_{state}")
        self.runs[run_id] = run_pb2.RunResult(run_id=run_id, state=number, output=payload, **fields)
        self.change()

    def change(self) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until the condition holds; looks whenever something came or changed."""
        async with asyncio.timeout(15):
            while not (value := condition()):
                self._changed.clear()
                await self._changed.wait()
        return value

    async def result(self, token: bytes = b"run_1") -> worker_pb2.TaskResult:
        return await self.until(lambda: self.results.get(token))

    async def _enter(self, method: str, request: Any, context: grpc.aio.ServicerContext) -> Any:
        self.seen.setdefault(method, []).append(request)
        self.metadata = dict(context.invocation_metadata() or ())
        self.change()
        script = self.acts.get(method)
        return await script.popleft()(request, context) if script else None

    async def PollTask(self, request: Any, context: Any) -> worker_pb2.PollTaskResponse:
        played = await self._enter("PollTask", request, context)
        if played is not None:
            return played
        while not self.tasks:
            await self._settled_change()
        count = min(request.max_tasks, len(self.tasks))
        return worker_pb2.PollTaskResponse(tasks=[self.tasks.popleft() for _ in range(count)])

    async def _settled_change(self) -> None:
        """Many may wait for the same event, so it is a poll of a few milliseconds here."""
        await asyncio.sleep(0.002)

    async def CompleteTask(self, request: Any, context: Any) -> worker_pb2.CompleteTaskResponse:
        played = await self._enter("CompleteTask", request, context)
        if played is not None:
            return played
        verdicts = [self._judge(result) for result in request.results]
        self.change()
        return worker_pb2.CompleteTaskResponse(verdicts=verdicts)

    def _judge(self, result: worker_pb2.TaskResult) -> worker_pb2.TaskVerdict:
        refusals = self.verdicts.get(result.token)
        if refusals:
            return worker_pb2.TaskVerdict(refusal=refusals.popleft())
        self.results[result.token] = result
        journals = self.journals.get(result.token)
        return worker_pb2.TaskVerdict(journal=journals.popleft() if journals else None)

    async def Heartbeat(self, requests: Any, context: Any) -> AsyncIterator[worker_pb2.HeartbeatResponse]:
        await self._enter("Heartbeat", None, context)
        yield worker_pb2.HeartbeatResponse(interval_ms=self.interval_ms)
        reader = asyncio.create_task(self._read_beats(requests))
        try:
            while not reader.done():
                cancel = asyncio.create_task(self.cancels.get())
                drain = asyncio.create_task(self.draining.wait())
                await asyncio.wait({reader, cancel, drain}, return_when=asyncio.FIRST_COMPLETED)
                if cancel.done():
                    yield worker_pb2.HeartbeatResponse(cancelled=[cancel.result()])
                elif drain.done():
                    self.draining.clear()
                    yield worker_pb2.HeartbeatResponse(draining=True)
                cancel.cancel()
                drain.cancel()
        finally:
            reader.cancel()

    async def _read_beats(self, requests: Any) -> None:
        async for request in requests:
            self.seen.setdefault("beat", []).append(request)
            self.change()

    async def StreamResult(self, requests: Any, context: Any) -> AsyncIterator[worker_pb2.StreamResultResponse]:
        await self._enter("StreamResult", None, context)
        async for request in requests:
            await self._enter("chunk", request, context)
            answer = worker_pb2.StreamResultResponse(token=request.token, sequence=request.sequence)
            if self.chunk_refusal is not None:
                answer.refusal.CopyFrom(self.chunk_refusal)
            yield answer

    async def StartRuns(self, request: Any, context: Any) -> run_pb2.StartRunsResponse:
        played = await self._enter("StartRuns", request, context)
        if played is not None:
            return played
        return run_pb2.StartRunsResponse(results=[self._begin(start) for start in request.starts])

    def _begin(self, start: run_pb2.StartRunRequest) -> run_pb2.StartRunResponse:
        refusal = self.start_refusals.popleft() if self.start_refusals else None
        if refusal is not None:
            return run_pb2.StartRunResponse(refusal=refusal)
        run_id = f"run_{start.request_id}"
        if self.end_at_once:
            self.end(run_id, output=json.loads(start.input.json))
        return run_pb2.StartRunResponse(run_id=run_id)

    async def AwaitRuns(self, requests: Any, context: Any) -> AsyncIterator[run_pb2.AwaitRunsResponse]:
        await self._enter("AwaitRuns", None, context)
        asked: set[str] = set()
        reader = asyncio.create_task(self._read_ids(requests, asked))
        try:
            while not reader.done() or asked:
                ended = asked & self.runs.keys()
                unknown = {run_id for run_id in asked if run_id.startswith("unknown")}
                asked -= ended | unknown
                if ended or unknown:
                    results = [self.runs[run_id] for run_id in ended]
                    yield run_pb2.AwaitRunsResponse(results=results, unknown=unknown)
                await self._settled_change()
        finally:
            reader.cancel()

    async def _read_ids(self, requests: Any, asked: set[str]) -> None:
        async for request in requests:
            self.seen.setdefault("ids", []).append(list(request.run_ids))
            asked.update(request.run_ids)
            self.change()

    async def WatchRun(self, request: Any, context: Any) -> AsyncIterator[run_pb2.WatchRunResponse]:
        for message in self.watches.popleft() if self.watches else ():
            yield message
        await self._enter("WatchRun", request, context)

    async def GetRun(self, request: Any, context: Any) -> run_pb2.GetRunResponse:
        played = await self._enter("GetRun", request, context)
        if played is not None:
            return played
        step = run_pb2.Step(step="s1", state=run_pb2.STEP_STATE_DEAD, attempt=4)
        run = run_pb2.Run(run_id=request.run_id, state=run_pb2.RUN_STATE_FAILED, steps=[step])
        run.create_time.FromSeconds(1_000_000_000)
        return run_pb2.GetRunResponse(run=run)

    async def ExplainRun(self, request: Any, context: Any) -> run_pb2.ExplainRunResponse:
        await self._enter("ExplainRun", request, context)
        failure = payload_pb2.Failure(type="Boom", message="no")
        again = run_pb2.Cause(kind=run_pb2.CAUSE_KIND_BACKING_OFF, step="s1", steps=1, attempt=3, failure=failure)
        again.due_time.FromSeconds(1_000_000_000)
        child = run_pb2.Cause(kind=run_pb2.CAUSE_KIND_CHILD_RUN, child_state=run_pb2.RUN_STATE_BLOCKED)
        later = run_pb2.Cause(kind=99, sentence="of a newer server")  # type: ignore[arg-type]
        return run_pb2.ExplainRunResponse(
            run_id=request.run_id,
            state=run_pb2.RUN_STATE_RUNNING,
            summary="it backs off",
            causes=[again, child, later],
            more_causes=4,
        )

    async def ListRuns(self, request: Any, context: Any) -> run_pb2.ListRunsResponse:
        await self._enter("ListRuns", request, context)
        page = int(request.page_token or 0)
        runs = [run_pb2.Run(run_id=f"run_{page}{index}") for index in range(2)]
        return run_pb2.ListRunsResponse(runs=runs, next_page_token=str(page + 1) if page < 2 else "")

    async def GetHistory(self, request: Any, context: Any) -> run_pb2.GetHistoryResponse:
        await self._enter("GetHistory", request, context)
        first = int(request.page_token or 0)
        end = first + self.history_page
        more = str(end) if end < len(self.history) else ""
        return run_pb2.GetHistoryResponse(events=self.history[first:end], next_page_token=more)

    async def SignalRun(self, request: Any, context: Any) -> run_pb2.SignalRunResponse:
        await self._enter("SignalRun", request, context)
        again = [seen.signal.signal_id for seen in self.seen["SignalRun"]].count(request.signal.signal_id) > 1
        return run_pb2.SignalRunResponse(run_id=request.run_id or "run_of_key", deduplicated=again)

    async def ResumeRun(self, request: Any, context: Any) -> run_pb2.ResumeRunResponse:
        await self._enter("ResumeRun", request, context)
        return run_pb2.ResumeRunResponse(state=run_pb2.RUN_STATE_RUNNING)

    async def CancelRun(self, request: Any, context: Any) -> run_pb2.CancelRunResponse:
        await self._enter("CancelRun", request, context)
        return run_pb2.CancelRunResponse(state=run_pb2.RUN_STATE_CANCELLED)

    async def TerminateRun(self, request: Any, context: Any) -> run_pb2.TerminateRunResponse:
        await self._enter("TerminateRun", request, context)
        return run_pb2.TerminateRunResponse(state=run_pb2.RUN_STATE_TERMINATED)

    async def RetryRun(self, request: Any, context: Any) -> run_pb2.RetryRunResponse:
        await self._enter("RetryRun", request, context)
        return run_pb2.RetryRunResponse(run_id="run_fork")

    async def ApplyWorkflow(self, request: Any, context: Any) -> workflow_pb2.ApplyWorkflowResponse:
        await self._enter("ApplyWorkflow", request, context)
        workflow = workflow_pb2.Workflow(name="wf", version=2, definition=request.definition, current=True)
        return workflow_pb2.ApplyWorkflowResponse(workflow=workflow, created=True)

    async def ValidateWorkflow(self, request: Any, context: Any) -> workflow_pb2.ValidateWorkflowResponse:
        await self._enter("ValidateWorkflow", request, context)
        problem = payload_pb2.FieldProblem(field="steps[0].id", description="expected an id, came nothing")
        return workflow_pb2.ValidateWorkflowResponse(problems=[problem])

    async def ListDeadLetters(self, request: Any, context: Any) -> dead_letter_pb2.ListDeadLettersResponse:
        await self._enter("ListDeadLetters", request, context)
        letter = dead_letter_pb2.DeadLetter(
            dead_letter_id="d1", run_id="run_1", state=dead_letter_pb2.DEAD_LETTER_STATE_OPEN
        )
        return dead_letter_pb2.ListDeadLettersResponse(dead_letters=[letter])

    async def RequeueDeadLetter(self, request: Any, context: Any) -> dead_letter_pb2.RequeueDeadLetterResponse:
        await self._enter("RequeueDeadLetter", request, context)
        return dead_letter_pb2.RequeueDeadLetterResponse(run_id="run_again")

    async def DiscardDeadLetter(self, request: Any, context: Any) -> dead_letter_pb2.DiscardDeadLetterResponse:
        await self._enter("DiscardDeadLetter", request, context)
        return dead_letter_pb2.DiscardDeadLetterResponse()

    async def GetServer(self, request: Any, context: Any) -> admin_pb2.GetServerResponse:
        await self._enter("GetServer", request, context)
        return admin_pb2.GetServerResponse(version="9", database_up=True)

    async def ListWorkers(self, request: Any, context: Any) -> admin_pb2.ListWorkersResponse:
        await self._enter("ListWorkers", request, context)
        return admin_pb2.ListWorkersResponse(workers=[admin_pb2.Worker(worker_id="w", slots=3)])

    async def ListTimers(self, request: Any, context: Any) -> admin_pb2.ListTimersResponse:
        await self._enter("ListTimers", request, context)
        if not request.page_token:
            return admin_pb2.ListTimersResponse(timers=[admin_pb2.Timer(run_id="run_1")], next_page_token="more")
        return admin_pb2.ListTimersResponse(timers=[admin_pb2.Timer(run_id="run_2", kind="SLEEP")])

    async def GetOverview(self, request: Any, context: Any) -> admin_pb2.GetOverviewResponse:
        await self._enter("GetOverview", request, context)
        activity = [admin_pb2.Activity(started=3, failed=1)]
        return admin_pb2.GetOverviewResponse(runs_open={"RUNNING": 2}, tasks_ready=5, activity=activity)

    async def ListQueues(self, request: Any, context: Any) -> admin_pb2.ListQueuesResponse:
        await self._enter("ListQueues", request, context)
        return admin_pb2.ListQueuesResponse(queues=[admin_pb2.Queue(queue="default", action="noop", ready=2)])
