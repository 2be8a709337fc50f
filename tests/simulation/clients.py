"""Fake clients: they start, signal, cancel, wait and requeue, and send again what they got no answer to."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration

from stellwerk.v1 import dead_letter_pb2, payload_pb2, run_pb2
from stellwerk_server.commit.code import successor
from stellwerk_server.model import ids
from stellwerk_server.model.states import RunState
from tests.simulation.code import NAME
from tests.simulation.ledger import run_of
from tests.simulation.loop import Host
from tests.simulation.transport import CallFailed
from tests.simulation.workflows import ASKING, DEFINITIONS

if TYPE_CHECKING:
    from tests.simulation.world import World

_TRIES = 80
# Code is known once a worker that has it is there.
_NO_START = ("IDEMPOTENCY_KEY_REUSED", "WORKFLOW_NOT_FOUND")
_ENDED = frozenset(range(5, 11))


class Client:
    """One caller, which does one thing after the other."""

    def __init__(self, world: World, name: str, random: Random) -> None:
        self._world = world
        self._random = random
        self.name = name
        self.host = Host(world.loop, name, random)
        self._count = 0

    async def run(self, until_s: float) -> None:
        """Act until that moment."""
        acts = (
            (self.start,) * 6
            + (self.signal,) * 4
            + (self.wait, self.wait, self.end, self.end, self.requeue, self.retry)
        )
        while self._world.loop.time() < until_s:
            await self._random.choice(acts)()
            await asyncio.sleep(self._random.expovariate(0.8))

    async def start(self) -> None:
        """Start a run, by key or by request id, now and then twice."""
        random = self._random
        workflow = random.choice([*DEFINITIONS, NAME])
        key = random.choice(["", "", "k", "l"])
        items = list(range(random.randint(0, 3)))
        value = json.dumps({"n": random.randint(0, 3) if not key else 2, "items": items if not key else [1]})
        if key and random.random() < 0.2:
            value = json.dumps({"n": 9, "items": []})
        request = self._next("request")
        message = run_pb2.StartRunRequest(
            workflow=workflow, input=payload_pb2.Payload(json=value), idempotency_key=key, request_id=request
        )
        for _ in range(1 + (random.random() < 0.3)):
            response = await self.ask("StartRun", message, *_NO_START)
            if response is not None:
                self._world.ledger.start(workflow, key, request, value, run_of(response))

    async def signal(self) -> None:
        """Tell a run something, with an id of our own; now and then twice."""
        run_id = self._some_run(ASKING)
        if run_id is None:
            return
        name, signal_id = self._random.choice(["go", "stop"]), self._next("signal")
        message = run_pb2.SignalRunRequest(
            run_id=ids.show(run_id),
            signal=run_pb2.Signal(name=name, signal_id=signal_id, payload=payload_pb2.Payload(json="1")),
        )
        for _ in range(1 + (self._random.random() < 0.3)):
            response = await self.ask("SignalRun", message, "RUN_TERMINAL")
            if response is not None:
                # The one that took it: the run may have gone on as another.
                self._world.ledger.signal(run_of(response), self.name, signal_id)

    async def end(self) -> None:
        """Cancel or terminate a run."""
        run_id = self._some_run(None)
        if run_id is None or self._random.random() < 0.5:
            return
        if self._random.random() < 0.5:
            message: Any = run_pb2.CancelRunRequest(run_id=ids.show(run_id), reason="not wanted")
            response = await self.ask("CancelRun", message, "RUN_TERMINAL")
        else:
            message = run_pb2.TerminateRunRequest(run_id=ids.show(run_id), reason="not wanted")
            response = await self.ask("TerminateRun", message, "RUN_TERMINAL")
        if response is not None and response.state in _ENDED:
            self._world.ledger.end(self._goes_on_as(run_id), response.state, self._world.loop.time())

    async def wait(self) -> None:
        """Hold a call for the end of a run."""
        run_id = self._some_run(None)
        if run_id is None:
            return
        wait = Duration()
        wait.FromMilliseconds(self._random.choice([500, 3_000, 8_000]))
        response = await self.ask("WaitRun", run_pb2.WaitRunRequest(run_id=ids.show(run_id), wait=wait))
        if response is not None and not response.ended:
            self._world.watch.check_open(run_id)
        elif response is not None:
            self._world.ledger.end(run_id, response.result.state, self._world.loop.time())

    async def retry(self) -> None:
        """Fork a run that has ended, now and then twice."""
        rows = self._world.look.rows(
            "select r.id, w.name from runs r join workflows w on w.id = r.workflow_id"
            " where r.state in (6, 7, 9) and w.name <> %s order by 1", NAME
        )  # fmt: skip
        if not rows:
            return
        row, request = self._random.choice(rows), self._next("retry")
        message = run_pb2.RetryRunRequest(run_id=ids.show(row["id"]), request_id=request)
        for _ in range(1 + (self._random.random() < 0.5)):
            response = await self.ask("RetryRun", message)
            if response is not None:
                self._world.ledger.start(row["name"], "", request, "", run_of(response))

    async def requeue(self, last_state: int = 10) -> None:
        """Redrive or give up a dead letter; that of a run that has ended is redriven by a fork."""
        rows = self._world.look.rows(
            "select d.id from dead_letters d join runs r on r.id = d.run_id"
            " where d.state = 1 and r.state between 4 and %s order by r.state, 1",
            last_state,
        )
        if not rows:
            return
        number = ids.show(self._random.choice(rows[:4])["id"], "dl_")
        if self._random.random() < 0.7:
            await self.ask(
                "RequeueDeadLetter",
                dead_letter_pb2.RequeueDeadLetterRequest(dead_letter_id=number),
                *("RUN_OPEN", "DEAD_LETTER_DECIDED", "RUN_TERMINAL"),
            )
        else:
            message = dead_letter_pb2.DiscardDeadLetterRequest(dead_letter_id=number)
            await self.ask("DiscardDeadLetter", message, "DEAD_LETTER_DECIDED", "RUN_TERMINAL")

    async def help_out(self) -> None:
        """Whoever still waits for somebody gets what he waits for: signals, and dead letters that are redriven."""
        for row in self._world.look.rows(
            "select distinct s.run_id from steps s join runs r on r.id = s.run_id"
            " where r.state < 5 and s.state = 4 and s.attempt = 0 order by 1"
        ):
            for name in ("go", "stop"):
                signal = run_pb2.Signal(name=name, signal_id=self._next("help"))
                message = run_pb2.SignalRunRequest(run_id=ids.show(row["run_id"]), signal=signal)
                await self.ask("SignalRun", message, "RUN_TERMINAL")
        for row in self._world.look.rows("select run_id from parked order by 1"):
            await self.ask("ResumeRun", run_pb2.ResumeRunRequest(run_id=ids.show(row["run_id"])), "RUN_TERMINAL")
        await self.requeue(RunState.BLOCKED)

    async def ask(self, method: str, message: Any, *refusals: str) -> Any:
        """The response, however often it takes; None when there was none, or one of the refusals one may expect."""
        for _ in range(_TRIES):
            door = self._world.cluster.any_door(self._random)
            if door is not None:
                try:
                    return await self._world.transport.call(door, method, message, 12.0)
                except CallFailed as failed:
                    if failed.reason in refusals:
                        return None
                    self._world.definite(failed, method)
            await asyncio.sleep(self._random.uniform(0.05, 0.6))
        return None

    def _some_run(self, workflows: frozenset[str] | None) -> int | None:
        started = self._world.ledger.started
        runs = [run_id for run_id, name in started.items() if workflows is None or name in workflows]
        return self._random.choice(runs[-8:]) if runs else None

    def _goes_on_as(self, run_id: int) -> int:
        """The run itself, or the last of those it was continued as."""
        while True:
            row = self._world.look.rows("select state, output from runs where id = %s", run_id)[0]
            if row["state"] != RunState.CONTINUED:
                return run_id
            run_id = successor(row["output"])

    def _next(self, what: str) -> str:
        self._count += 1
        return f"{self.name} {what} {self._count}"
