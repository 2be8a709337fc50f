"""Asks ten times a second whether the cluster works: a trivial run, begun and awaited through whichever server answers.

Goes past the proxies, so that it measures servers and Postgres and no cut line. Must not break anything.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Any

from stellwerk.v1 import run_pb2
from tests.faults.caller import Ended, attempt, numbers
from tests.faults.records import INFO, INVOKE, Log, Operation, now
from tests.integration.api import Api, duration, payload

EVERY_S = 0.1
PATIENCE_S = 2.0
AT_ONCE = 20


class Prober:
    """Probes, each an operation."""

    def __init__(self, apis: Sequence[Api], namespace: str, taint: str, log: Log) -> None:
        self._apis, self._namespace, self._taint, self._log = apis, namespace, taint, log
        self._waiting: list[tuple[int, asyncio.Future[int]]] = []
        self._open: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.asked = self.answered = 0

    async def run(self) -> None:
        """Until it is stopped."""
        while not self._stopping:
            if len(self._open) < AT_ONCE:
                probe = asyncio.create_task(self._probe())
                self._open.add(probe)
                probe.add_done_callback(self._open.discard)
            await asyncio.sleep(EVERY_S)

    async def stop(self) -> None:
        """No more probes; return when all have ended."""
        self._stopping = True
        await asyncio.gather(*self._open, return_exceptions=True)

    async def next_ok(self, after: int, patience_s: float = 60.0) -> int | None:
        """When a probe that was begun after that moment was acknowledged first; None when none was in time."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((after, future))
        try:
            async with asyncio.timeout(patience_s):
                return await future
        except TimeoutError:
            return None
        finally:
            self._waiting.remove((after, future))

    async def _probe(self) -> None:
        number, begun, started_s = next(numbers), now(), time.monotonic()
        self.asked += 1
        request = run_pb2.StartRunRequest(
            namespace=self._namespace,
            workflow="probe",
            request_id=uuid.uuid4().hex,
            input=payload({"taint": f"{self._taint}/probe/{number}"}),
            wait=duration(PATIENCE_S),
        )
        args = {"request_id": request.request_id}
        self._write(number, INVOKE, args, Ended(INVOKE))
        ended = Ended(INFO, error="UNAVAILABLE")
        for turn in range(len(self._apis)):
            api = self._apis[(number + turn) % len(self._apis)]
            ended = await attempt(api.runs.StartRun(request, timeout=PATIENCE_S), told)
            if ended.ok or not ended.error.startswith("UNAVAILABLE"):
                break
        if ended.ok and not ended.result.pop("ended"):
            ended = Ended(INFO, ended.result, "NOT_ENDED")
        if ended.ok:
            ended.result["took_s"] = round(time.monotonic() - started_s, 4)
            self.answered += 1
            self._wake(begun, now())
        self._write(number, ended.kind, args, ended)

    def _wake(self, begun: int, at: int) -> None:
        for after, future in self._waiting:
            if begun >= after and not future.done():
                future.set_result(at)

    def _write(self, number: int, kind: str, args: dict[str, Any], ended: Ended) -> None:
        self._log.write(
            Operation(now(), number, "prober", self._namespace, "probe", kind, args, ended.result, ended.error)
        )


def told(answer: run_pb2.StartRunResponse) -> dict[str, Any]:
    """What a probe says."""
    return {"run_id": answer.run_id, "ended": answer.HasField("result")}
