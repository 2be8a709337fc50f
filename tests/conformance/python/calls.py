"""What a program does with the client, and what it does wrong with the SDK: each ends as an outcome.

Must not raise: an error is an outcome too.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from stellwerk import Chunk, Client, Run, RunHandle, Signal, TaskContext, Worker

LOOK_S = 0.02
# Contexts of code that has ended, for `misuse after_end`.
KEPT: list[Any] = []

Arguments = dict[str, Any]


class Clients:
    """The client of this program, and others for calls with options of their own.

    Where nothing can be `shared`, for want of a loop that stays, every call has its own.
    """

    def __init__(self, *, shared: bool = True) -> None:
        self._shared = shared
        self._client: Client | None = None

    async def outcome(self, op: Arguments, ctx: TaskContext) -> Arguments:
        """Make the call, or the mistake; gives the value or the error."""
        try:
            if "misuse" in op:
                await MISUSES[op["misuse"]](ctx)
                return {"ok": None}
            return {"ok": packed(await self._call(op))}
        except Exception as error:
            return {"error": described(error)}

    async def _call(self, op: Arguments) -> Any:
        call = CALLS[op["call"]]
        if not op.get("options") and self._shared:
            self._client = self._client or Client()
            return await call(self._client, op["with"])
        async with Client(**op.get("options", {})) as client:
            return await call(client, op["with"])


def described(error: Exception) -> Arguments:
    """The error as an outcome holds it."""
    found: Arguments = {"kind": type(error).__name__, "message": getattr(error, "message", None) or str(error)}
    for name in ("code", "reason"):
        if text := getattr(error, name, ""):
            found[name] = text
    if fields := getattr(error, "fields", ()):
        found["fields"] = [{"field": each.field, "description": each.description} for each in fields]
    return found


def packed(value: Any) -> Any:
    """A value that may stand inside JSON: bytes as `{"$bytes": base64}`."""
    return {"$bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _options(given: Arguments) -> Arguments:
    signal = given.get("signal")
    return {
        "idempotency_key": given.get("idempotency_key"),
        "timeout": given.get("timeout_s"),
        "version": given.get("version", 0),
        "signal": signal and Signal(**signal),
    }


async def _start(client: Client, given: Arguments) -> RunHandle:
    return await client.start(given["workflow"], given.get("input"), **_options(given))


async def _started(client: Client, given: Arguments) -> Arguments:
    handle = await _start(client, given)
    return {"run_id": handle.run_id, "deduplicated": handle.deduplicated}


async def _started_many(client: Client, given: Arguments) -> Arguments:
    handles = await asyncio.gather(*(_start(client, given) for _ in range(given["times"])))
    return {"run_ids": [handle.run_id for handle in handles], "deduplicated": sum(h.deduplicated for h in handles)}


async def _run(client: Client, given: Arguments) -> Any:
    return await client.run(given["workflow"], given.get("input"), **_options(given))


async def _result(client: Client, given: Arguments) -> Any:
    return await client.handle(given["run_id"]).result(given.get("timeout_s"))


async def _get(client: Client, given: Arguments) -> Arguments:
    return facts(await client.handle(given["run_id"]).get(include_steps=True))


def facts(run: Run) -> Arguments:
    """What outcomes say of a run; what only code has stands there when it has it."""
    more = {name: getattr(run, name) for name in ("published", "attributes", "block_reason", "continued_as")}
    return {
        "state": run.state,
        "output": run.output,
        "steps": {step.step: step.state for step in run.steps},
        **{name: value for name, value in more.items() if value},
    }


async def _await_run(client: Client, given: Arguments) -> Arguments:
    """The run as soon as it has all that; the runner's patience is the limit."""
    found = await _get(client, given)
    while any(found.get(name) != value for name, value in given["has"].items()):
        await asyncio.sleep(LOOK_S)
        found = await _get(client, given)
    return found


async def _resume(client: Client, given: Arguments) -> str:
    return await client.handle(given["run_id"]).resume()


async def _signal(client: Client, given: Arguments) -> Arguments:
    told = {"name": given["name"], "payload": given.get("payload"), "signal_id": given.get("signal_id", "")}
    if "run_id" in given:
        return {"run_id": given["run_id"], "deduplicated": await client.handle(given["run_id"]).signal(**told)}
    handle = await client.signal(given["workflow"], given["idempotency_key"], **told)
    return {"run_id": handle.run_id, "deduplicated": handle.deduplicated}


async def _cancel(client: Client, given: Arguments) -> str:
    return await client.handle(given["run_id"]).cancel(given.get("reason", ""))


async def _terminate(client: Client, given: Arguments) -> str:
    return await client.handle(given["run_id"]).terminate(given.get("reason", ""))


async def _retry(client: Client, given: Arguments) -> Arguments:
    return {"run_id": (await client.handle(given["run_id"]).retry(given.get("from_step", ""))).run_id}


async def _history(client: Client, given: Arguments) -> list[str]:
    return [event.type async for event in client.handle(given["run_id"]).history()]


async def _explain(client: Client, given: Arguments) -> Arguments:
    found = await client.handle(given["run_id"]).explain()
    causes = [[cause.kind, cause.step, cause.signal or cause.action] for cause in found.causes]
    return {"state": found.state, "summary": found.summary, "causes": causes}


async def _watch(client: Client, given: Arguments) -> list[Any]:
    items = client.handle(given["run_id"]).watch()
    return [["chunk", packed(i.value)] if isinstance(i, Chunk) else ["event", i.type] async for i in items]


async def _list_runs(client: Client, given: Arguments) -> list[str]:
    told = {"attributes": given["attributes"]} if "attributes" in given else {}
    runs = client.list_runs(given.get("workflow", ""), states=given.get("states", ()), limit=given.get("limit"), **told)
    return [run.run_id async for run in runs]


async def _apply(client: Client, given: Arguments) -> Arguments:
    workflow = await client.apply_workflow(given["definition"])
    return {"name": workflow.name, "version": workflow.version, "created": workflow.created}


async def _validate(client: Client, given: Arguments) -> list[Arguments]:
    problems = await client.validate_workflow(given["definition"])
    return [{"field": problem.field, "description": problem.description} for problem in problems]


async def _get_workflow(client: Client, given: Arguments) -> Arguments:
    workflow = await client.get_workflow(given["name"], version=given.get("version", 0))
    return {"name": workflow.name, "version": workflow.version}


async def _list_workflows(client: Client, given: Arguments) -> list[Any]:
    return [[each.name, each.version] async for each in client.list_workflows(given.get("name", ""))]


async def _dead_letters(client: Client, given: Arguments) -> list[Arguments]:
    names = ("dead_letter_id", "step", "reason", "state", "run_id")
    letters: AsyncIterator[Any] = client.dead_letters(**given)
    return [{name: getattr(letter, name) for name in names} async for letter in letters]


async def _requeue(client: Client, given: Arguments) -> Arguments:
    return {"run_id": (await client.requeue(given["dead_letter_id"])).run_id}


async def _discard(client: Client, given: Arguments) -> None:
    await client.discard(given["dead_letter_id"], given.get("reason", ""))


async def _workers(client: Client, _: Arguments) -> list[str]:
    return [worker.worker_id for worker in await client.workers()]


async def _queues(client: Client, _: Arguments) -> list[Any]:
    return [[queue.queue, queue.action] for queue in await client.queues()]


async def _server(client: Client, _: Arguments) -> Arguments:
    return {"version": (await client.server()).version}


CALLS: dict[str, Callable[[Client, Arguments], Awaitable[Any]]] = {
    "start": _started,
    "start_many": _started_many,
    "run": _run,
    "result": _result,
    "get": _get,
    "await_run": _await_run,
    "resume": _resume,
    "signal": _signal,
    "cancel": _cancel,
    "terminate": _terminate,
    "retry": _retry,
    "explain": _explain,
    "history": _history,
    "watch": _watch,
    "list_runs": _list_runs,
    "apply": _apply,
    "validate": _validate,
    "get_workflow": _get_workflow,
    "list_workflows": _list_workflows,
    "dead_letters": _dead_letters,
    "requeue": _requeue,
    "discard": _discard,
    "workers": _workers,
    "queues": _queues,
    "server": _server,
}


async def _second_handler(_: TaskContext) -> None:
    worker = Worker()
    worker.register("twice", lambda value: value)
    worker.register("twice", lambda value: value)


async def _no_handler(_: TaskContext) -> None:
    await Worker().run()


async def _slots(_: TaskContext) -> None:
    Worker(slots=0)


async def _polls(_: TaskContext) -> None:
    Worker(polls=0)


async def _drain(_: TaskContext) -> None:
    Worker(drain_s=-1)


async def _address(_: TaskContext) -> None:
    Client("no port")


async def _tls_variable(_: TaskContext) -> None:
    before = os.environ.get("STELLWERK_TLS")
    os.environ["STELLWERK_TLS"] = "maybe"
    try:
        Client()
    finally:
        if before is None:
            del os.environ["STELLWERK_TLS"]
        else:
            os.environ["STELLWERK_TLS"] = before


async def _closed_client(_: TaskContext) -> None:
    client = Client()
    await client.close()
    await client.server()


async def _timeout(ctx: TaskContext) -> None:
    async with Client() as client:
        await client.start(ctx.workflow, timeout=0)


async def _after_end(_: TaskContext) -> None:
    await KEPT.pop().step("perform")


MISUSES: dict[str, Callable[[TaskContext], Awaitable[None]]] = {
    "second_handler": _second_handler,
    "no_handler": _no_handler,
    "slots": _slots,
    "polls": _polls,
    "drain": _drain,
    "address": _address,
    "tls_variable": _tls_variable,
    "closed_client": _closed_client,
    "timeout": _timeout,
    "after_end": _after_end,
}
