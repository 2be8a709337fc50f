"""Code played by hand over the wire: the commands it may give, and how a decision is answered. No tests."""

from __future__ import annotations

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from stellwerk.v1 import payload_pb2, run_pb2, worker_pb2
from tests.integration.api import Api, call, duration, payload

CODE = "workflow:signup"


def action(step: str, name: str = "", value: Any = None, **fields: Any) -> worker_pb2.Command:
    made = worker_pb2.ActionCommand(action=name or step.partition("#")[0], input=payload(value), **fields)
    return worker_pb2.Command(step=step, action=made)


def sleep(step: str, seconds: float) -> worker_pb2.Command:
    return worker_pb2.Command(step=step, sleep=worker_pb2.SleepCommand(duration=duration(seconds)))


def signal(name: str, timeout_s: float | None = None) -> worker_pb2.Command:
    timeout = None if timeout_s is None else duration(timeout_s)
    return worker_pb2.Command(step=name, signal=worker_pb2.SignalCommand(signal=name, timeout=timeout))


def child(workflow: str, value: Any = None, **fields: Any) -> worker_pb2.Command:
    made = worker_pb2.ChildCommand(workflow=workflow, input=payload(value), **fields)
    return worker_pb2.Command(step=workflow, child=made)


def local(step: str, value: Any) -> worker_pb2.Command:
    return worker_pb2.Command(step=step, local=worker_pb2.LocalCommand(output=payload(value), attempts=1))


def ran_at(seconds: int) -> worker_pb2.Command:
    made = worker_pb2.LocalCommand(output=payload(1), attempts=1, start_time=Timestamp(seconds=seconds))
    return worker_pb2.Command(step="s", local=made)


def cancel(step: str) -> worker_pb2.Command:
    return worker_pb2.Command(step=step, cancel=worker_pb2.CancelCommand())


def succeed(value: Any = None) -> worker_pb2.Command:
    return worker_pb2.Command(succeed=worker_pb2.SucceedCommand(output=payload(value)))


def goes_on(value: Any = None, workflow: str = "") -> worker_pb2.Command:
    command = worker_pb2.Command()
    getattr(command, "continue").CopyFrom(worker_pb2.ContinueCommand(workflow=workflow, input=payload(value)))
    return command


CANCELLED = worker_pb2.Command(cancelled=worker_pb2.CancelledCommand())


async def verdict(
    api: Api, task: worker_pb2.Task, *commands: worker_pb2.Command, sequence: int = 0, **fields: Any
) -> worker_pb2.TaskVerdict:
    """Answer a decision; as of all that its task told unless `sequence` says otherwise."""
    worker = fields.pop("worker", "w1")
    decision = worker_pb2.Decision(sequence=sequence or task.journal.sequence, commands=commands, **fields)
    request = worker_pb2.CompleteTaskRequest(
        namespace=api.namespace,
        worker_id=worker,
        results=[worker_pb2.TaskResult(token=task.token, decision=decision)],
    )
    return (await call(api.workers.CompleteTask(request))).verdicts[0]


async def decide(api: Api, task: worker_pb2.Task, *commands: worker_pb2.Command, **fields: Any) -> None:
    answer = await verdict(api, task, *commands, **fields)
    assert not answer.HasField("refusal"), answer


async def register(api: Api, *names: str, worker: str = "w1", build: str = "b1", **hello: Any) -> None:
    async with api.line(worker, "x", workflows=names or ["signup"], build=build, **hello):
        pass


async def begun(api: Api, value: Any = None) -> tuple[str, worker_pb2.Task]:
    """A run of the workflow with its first decision."""
    await register(api)
    run_id = await api.start("signup", value)
    return run_id, await api.take(CODE)


def told(task: worker_pb2.Task) -> list[str]:
    return [event.type for event in task.journal.events]


def failed_by(step: str, attempt: int, **fields: Any) -> worker_pb2.Command:
    failure = payload_pb2.Failure(type="StepFailed", message="no", step=step, attempt=attempt, **fields)
    return worker_pb2.Command(fail=worker_pb2.FailCommand(failure=failure))


async def cancel_run(api: Api, run_id: str) -> str:
    request = run_pb2.CancelRunRequest(namespace=api.namespace, run_id=run_id, reason="why not")
    return run_pb2.RunState.Name((await call(api.runs.CancelRun(request))).state)[10:]
