"""What clients call of a server driven by hand: its servicers without a socket, with the session's Redis before."""

from __future__ import annotations

from typing import Any

from stellwerk.v1 import dead_letter_pb2, run_pb2
from stellwerk_server.dispatch.duplicates import Duplicates
from stellwerk_server.dispatch.results import Results
from stellwerk_server.model import ids
from stellwerk_server.rpc.dead_letters import PREFIX, DeadLetterWrites
from stellwerk_server.rpc.forks import Forks
from stellwerk_server.rpc.known import KnownRuns
from stellwerk_server.rpc.runs import RunWrites
from stellwerk_server.rpc.signals import RunSignals
from stellwerk_server.rpc.starts import Starter
from tests.support.instance import Instance

_LIMIT = 1 << 20
_SECRET = b"of this cluster"
# No servicer here looks at it.
_NO_CONTEXT: Any = None


class Front:
    """The calls that change runs, as a client of this one server makes them."""

    def __init__(self, instance: Instance, redis_url: str | None) -> None:
        committer, workflows, pool = instance.committer, instance.workflows, instance.pool
        self.duplicates = Duplicates(redis_url, _SECRET)
        self.forks = Forks(committer, workflows, instance.ids, pool)
        known = KnownRuns(committer, workflows, pool)
        starter = Starter(committer, workflows, self.duplicates, instance.ids, _LIMIT)
        self._runs = RunWrites(committer, starter, self.forks, Results(), workflows, known)
        self._signals = RunSignals(workflows, known, pool, _LIMIT)
        self._dead_letters = DeadLetterWrites(committer, self.forks, workflows, pool)

    async def start(self, namespace: str, starts: list[run_pb2.StartRunRequest]) -> list[run_pb2.StartRunResponse]:
        """Each start with its verdict."""
        request = run_pb2.StartRunsRequest(namespace=namespace, starts=starts)
        return list((await self._runs.StartRuns(request, _NO_CONTEXT)).results)

    async def cancel(self, namespace: str, run: int) -> None:
        """Cancel it."""
        await self._runs.CancelRun(run_pb2.CancelRunRequest(namespace=namespace, run_id=ids.show(run)), _NO_CONTEXT)

    async def terminate(self, namespace: str, run: int) -> None:
        """Terminate it."""
        request = run_pb2.TerminateRunRequest(namespace=namespace, run_id=ids.show(run))
        await self._runs.TerminateRun(request, _NO_CONTEXT)

    async def signal(self, namespace: str, run: int, signal: run_pb2.Signal) -> None:
        """Tell it something."""
        request = run_pb2.SignalRunRequest(namespace=namespace, run_id=ids.show(run), signal=signal)
        await self._signals.SignalRun(request, _NO_CONTEXT)

    async def requeue(self, namespace: str, letter: int) -> int:
        """Redrive a dead letter; the run that goes on."""
        shown = ids.show(letter, PREFIX)
        request = dead_letter_pb2.RequeueDeadLetterRequest(namespace=namespace, dead_letter_id=shown)
        answer = await self._dead_letters.RequeueDeadLetter(request, _NO_CONTEXT)
        return ids.parse(answer.run_id) or 0

    async def discard(self, namespace: str, letter: int) -> None:
        """Give a dead letter up."""
        shown = ids.show(letter, PREFIX)
        request = dead_letter_pb2.DiscardDeadLetterRequest(namespace=namespace, dead_letter_id=shown)
        await self._dead_letters.DiscardDeadLetter(request, _NO_CONTEXT)
