"""What a case's acts do, one function each. Must not judge: `expect` does."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from stellwerk.payload import decode
from stellwerk.v1 import run_pb2
from tests.conformance import case_pb2
from tests.conformance.proxy import CUT, Trouble
from tests.conformance.schema import plain
from tests.conformance.stage import MAIN, Stage, signal_of
from tests.integration.api import Refused, call

Do = Callable[[Stage, Any], Awaitable[None]]


async def play(stage: Stage) -> None:
    """Start the runs, unless an act does, and do every act in order."""
    acts = list(stage.case.acts)
    if not any(act.start for act in acts):
        await stage.start_runs()
    for act in acts:
        kind = act.WhichOneof("act")
        assert kind is not None, "an act without anything to do"
        await ACTS[kind](stage, getattr(act, kind))


async def _start(stage: Stage, _: bool) -> None:
    await stage.start_runs()


async def _open(stage: Stage, latch: str) -> None:
    (stage.world.folder / latch).touch()


async def _cancel(stage: Stage, reason: str) -> None:
    for run_id in stage.runs:
        await call(stage.api.runs.CancelRun(run_pb2.CancelRunRequest(run_id=run_id, reason=reason)))


async def _terminate(stage: Stage, reason: str) -> None:
    for run_id in stage.runs:
        await call(stage.api.runs.TerminateRun(run_pb2.TerminateRunRequest(run_id=run_id, reason=reason)))


async def _resume(stage: Stage, _: bool) -> None:
    for run_id in stage.runs:
        await call(stage.api.runs.ResumeRun(run_pb2.ResumeRunRequest(run_id=run_id)))


async def _tell(stage: Stage, act: case_pb2.Tell) -> None:
    keys = [(workflow, stage.case.idempotency_key) for workflow in stage.workflows]
    for number in range(act.times or 1):
        signal = signal_of(act)
        if act.times:
            signal.payload.json = json.dumps(number)
        requests = [run_pb2.SignalRunRequest(run_id=run_id, signal=signal) for run_id in stage.runs]
        if act.by_key:
            requests = [
                run_pb2.SignalRunRequest(workflow=workflow, idempotency_key=key, signal=signal)
                for workflow, key in keys
            ]
        await asyncio.gather(*(_told(stage, request, act.refused) for request in requests))


async def _told(stage: Stage, request: run_pb2.SignalRunRequest, refused: str) -> None:
    """Send it; it is taken, or refused for this reason."""
    reason = ""
    try:
        await call(stage.api.runs.SignalRun(request))
    except Refused as error:
        reason = error.reason
    assert reason == refused, f"signal {request.signal.name}: expected the refusal {refused!r}, came {reason!r}"


async def _cancel_in_turn(stage: Stage, reason: str) -> None:
    each = stage.case.runs
    for turn in range(each):
        step = "go" if turn == 0 else f"go#{turn + 1}"
        waiting = [run_id for number, run_id in enumerate(stage.runs) if number % each >= turn]
        condition = case_pb2.Wait(step=step, step_state="WAITING")
        await stage.until(partial(_step_of_all, stage, waiting, condition), f"{step} is waited for")
        for run_id in stage.runs[turn::each]:
            waiting.remove(run_id)
            await call(stage.api.runs.CancelRun(run_pb2.CancelRunRequest(run_id=run_id, reason=reason)))
        for run_id in waiting:
            request = run_pb2.SignalRunRequest(run_id=run_id, signal=signal_of(case_pb2.Tell(name="go")))
            await call(stage.api.runs.SignalRun(request))


async def _signal(stage: Stage, act: case_pb2.Signal) -> None:
    stage.workers[act.worker or MAIN].send(act.signal)


async def _start_worker(stage: Stage, name: str) -> None:
    await stage.start_worker(name)


async def _server(stage: Stage, what: str) -> None:
    server = stage.server
    assert server is not None, "server: expected OWN, for only a case's own server may be stopped"
    act = {"stop": server.end, "kill": partial(server.end, kill=True), "start": server.start}[what]
    await asyncio.to_thread(act)


async def _pass(_: Stage, seconds: float) -> None:
    await asyncio.sleep(seconds)


async def _proxy(stage: Stage, act: case_pb2.ProxyAct) -> None:
    proxy = stage.proxy
    assert proxy is not None, "proxy: expected true in a case with a proxy act"
    proxy.called.clear()
    match act.WhichOneof("act"):
        case "cut":
            proxy.cut()
        case "goaway":
            proxy.goaway(act.goaway.code, act.goaway.text, none_seen=act.goaway.none_seen)
        case "reset":
            proxy.reset(act.reset.code, act.reset.method, act.reset.next)
        case "swallow":
            proxy.losses.append(Trouble(act.swallow.method, act.swallow.times or 1, CUT if act.swallow.cut else 8))
        case "pause":
            proxy.passing.clear()
        case "resume":
            proxy.passing.set()
        case "down":
            await proxy.down()
        case "up":
            await proxy.up()


async def _wait(stage: Stage, wait: case_pb2.Wait) -> None:
    names = [field.name for field, _ in wait.ListFields()]
    assert names, "wait: expected a condition, came none"

    async def all_true() -> bool:
        return all([await CONDITIONS[name](stage, wait) for name in names if name in CONDITIONS])

    await stage.until(all_true, f"{wait}")


async def _step_is(stage: Stage, wait: case_pb2.Wait) -> bool:
    """Every run's step is in that state, that attempt, has that progress and waits for that."""
    return await _step_of_all(stage, stage.runs, wait)


async def _step_of_all(stage: Stage, run_ids: list[str], wait: case_pb2.Wait) -> bool:
    runs = [await stage.api.get(run_id) for run_id in run_ids]
    found = [[step for step in run.steps if step.step == wait.step] for run in runs]
    return all(steps and _fits(steps[0], wait) for steps in found)


def _fits(step: run_pb2.Step, wait: case_pb2.Wait) -> bool:
    state = run_pb2.StepState.Name(step.state).removeprefix("STEP_STATE_")
    return (
        wait.step_state in ("", state)
        and wait.attempt in (0, step.attempt)
        and (not wait.waiting_for or re.fullmatch(wait.waiting_for, step.waiting_for) is not None)
        and (not wait.HasField("progress") or decode(step.progress) == plain(wait.progress))
    )


async def _run_is(stage: Stage, wait: case_pb2.Wait) -> bool:
    states = [(await stage.api.get(run_id)).state for run_id in stage.runs]
    return {run_pb2.RunState.Name(state) for state in states} == {f"RUN_STATE_{wait.run_state}"}


async def _noted(stage: Stage, wait: case_pb2.Wait) -> bool:
    count, copies = stage.count_notes(wait.note), len(stage.workflows)
    return count == wait.exactly * copies if wait.exactly else count >= (wait.times or 1) * copies


async def _is_blocked(stage: Stage, wait: case_pb2.Wait) -> bool:
    reasons = [(await stage.api.get(run_id)).block_reason for run_id in stage.runs]
    return all(re.match(wait.block_reason, reason) for reason in reasons)


async def _nobody(stage: Stage, wait: case_pb2.Wait) -> bool:
    runs = [await stage.api.get(run_id) for run_id in stage.runs]
    return all(re.fullmatch(wait.nobody, run.waiting_for) for run in runs)


async def _happened(stage: Stage, wait: case_pb2.Wait) -> bool:
    histories = [await stage.api.history(run_id) for run_id in stage.runs]
    counts = [sum(_is_named(event, wait.event) for event in history) for history in histories]
    return min(counts) >= (wait.times or 1)


def _is_named(event: run_pb2.Event, pattern: str) -> bool:
    return any(re.fullmatch(pattern, name) for name in (event.type, f"{event.type} {event.step}"))


async def _has_chunks(stage: Stage, wait: case_pb2.Wait) -> bool:
    return len(await chunks_now(stage, wait.chunks)) >= wait.chunks


async def _is_listed(stage: Stage, wait: case_pb2.Wait) -> bool:
    return await stage.is_listed(stage.worker_ids[wait.worker])


async def _is_unlisted(stage: Stage, wait: case_pb2.Wait) -> bool:
    return not await stage.is_listed(stage.worker_ids[wait.worker_unlisted])


async def _has_ended(stage: Stage, wait: case_pb2.Wait) -> bool:
    return stage.workers[wait.exited].exit_code is not None


async def _was_called(stage: Stage, wait: case_pb2.Wait) -> bool:
    return stage.proxy is not None and stage.proxy.called[wait.called] >= (wait.times or 1)


async def chunks_now(stage: Stage, enough: int) -> list[run_pb2.Chunk]:
    """The chunks of the first run: so many, or all there are when the run has ended."""
    request = run_pb2.WatchRunRequest(run_id=stage.runs[0], include_chunks=True)
    found: list[run_pb2.Chunk] = []
    stream = stage.api.runs.WatchRun(request, timeout=stage.patience_s)
    async for message in stream:
        found += message.chunks
        if enough and len(found) >= enough:
            stream.cancel()
            break
    return found


ACTS: dict[str, Do] = {
    "wait": _wait,
    "start": _start,
    "open": _open,
    "cancel": _cancel,
    "terminate": _terminate,
    "signal": _signal,
    "start_worker": _start_worker,
    "server": _server,
    "proxy": _proxy,
    "pass_s": _pass,
    "tell": _tell,
    "resume": _resume,
    "cancel_in_turn": _cancel_in_turn,
}
CONDITIONS: dict[str, Callable[[Stage, case_pb2.Wait], Awaitable[bool]]] = {
    "step": _step_is,
    "run_state": _run_is,
    "note": _noted,
    "chunks": _has_chunks,
    "worker": _is_listed,
    "worker_unlisted": _is_unlisted,
    "exited": _has_ended,
    "called": _was_called,
    "block_reason": _is_blocked,
    "event": _happened,
    "nobody": _nobody,
}
