"""Every RPC with requests no client of ours would send: a status of our tree that names what is wrong, and no harm.

`STELLWERK_EDGE_INPUTS` says how many (1,000,000 in `make soak`), `STELLWERK_EDGE_SEED` which.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import psutil
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import error_details_pb2, status_pb2

from stellwerk._duplex import is_local_cancel
from stellwerk_server.rpc.edge import _SERVICES
from stellwerk_server.server import Server
from tests.edge.messages import Maker
from tests.integration.api import Api
from tests.support.seeds import seeded

SOAKS = "STELLWERK_EDGE_INPUTS" in os.environ
INPUTS = int(os.environ.get("STELLWERK_EDGE_INPUTS", "4000"))
AT_ONCE = 24
GROWTH_BYTES_MAX = 200_000_000
# Calls that are held open end with our patience, which is no answer of the server.
HELD = {"PollTask", "WaitRun", "StartRun"}
# More than 16 MiB is refused inside gRPC, in its own words.
DATA_BYTES_MAX = 15_000_000
HELD_S = 0.15
# What grpcio's client says when its own deadline ends a stream while it writes; no server has sent that.
FROM_CLIENT = "Internal error from Core"
REFUSALS = {
    "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "OUT_OF_RANGE", "RESOURCE_EXHAUSTED",
}  # fmt: skip
METHODS = [(service.full_name, method) for service in _SERVICES for method in service.methods]
QUICK = "name: quick\nsteps: [{id: a, sleep: 0s}]"
AFTERWARDS = "name: afterwards\nsteps: [{id: a, sleep: 0s}]"
EDGE = "name: edge\nsteps: [{id: a, action: x}]"


class Fuzzer:
    """Sends one request after the other, and judges what comes back."""

    def __init__(self, channel: grpc.aio.Channel, chance: random.Random, known: dict[str, list[Any]]) -> None:
        self._channel = channel
        self._chance = chance
        self._maker = Maker(chance, known)
        self.codes: Counter[str] = Counter()
        self.wrong: list[str] = []

    async def one(self) -> None:
        """One request to one method."""
        service, method = self._chance.choice(METHODS)
        data = self._maker.data(method.input_type)[:DATA_BYTES_MAX]
        code, error = await self._send(f"/{service}/{method.name}", method, data)
        self.codes[code] += 1
        held = method.name in HELD or method.server_streaming
        if code == "OK" or (held and code in ("DEADLINE_EXCEEDED", "CANCELLED")):
            return
        if method.client_streaming and (error is None or error.details() == FROM_CLIENT):
            return
        assert error is not None
        problem = _problem(code, error)
        if problem:
            self.wrong.append(f"{method.name}: {code} {problem}: {error.details()!r:.300} for {data!r:.2000}")

    async def _send(self, path: str, method: MethodDescriptor, data: bytes) -> tuple[str, grpc.aio.AioRpcError | None]:
        held = method.name in HELD or method.server_streaming
        patience_s = HELD_S if held else 30.0
        try:
            if method.client_streaming:
                call = self._channel.stream_stream(path, None, None)(_only(data), timeout=patience_s)
                async for _ in call:
                    pass
            elif method.server_streaming:
                async for _ in self._channel.unary_stream(path, None, None)(data, timeout=patience_s):
                    pass
            else:
                await self._channel.unary_unary(path, None, None)(data, timeout=patience_s)
        except grpc.aio.AioRpcError as error:
            return error.code().name, error
        except asyncio.CancelledError:
            # grpcio's client cancels its own stream when the server refuses it while it is being written.
            if not method.client_streaming or is_local_cancel():
                raise
            return "CANCELLED", None
        return "OK", None


def _problem(code: str, error: grpc.aio.AioRpcError) -> str:
    """What is wrong with an answer; empty when it is as it should be."""
    if code not in REFUSALS:
        return "is no refusal"
    trailing: dict[str, Any] = dict(error.trailing_metadata() or ())  # type: ignore[arg-type]  # pairs
    status = status_pb2.Status.FromString(trailing.get("grpc-status-details-bin", b""))
    found = {detail.type_url.rpartition(".")[2]: detail for detail in status.details}
    if "ErrorInfo" not in found:
        return "says no reason"
    if code == "INVALID_ARGUMENT":
        request = error_details_pb2.BadRequest()
        if "BadRequest" not in found or not found["BadRequest"].Unpack(request):
            return "names no field"
        if not all(violation.field and violation.description for violation in request.field_violations):
            return "names no field"
    return ""


async def _only(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.mark.timeout(max(120, INPUTS // 50))
async def test_whatever_is_sent_the_answer_is_one_of_ours(server: Server, api: Api) -> None:
    await api.apply(EDGE)
    await api.apply(QUICK)
    runs = [await api.start("edge") for _ in range(3)] + [await api.start("quick")]
    task = await api.take("x")
    known: dict[str, list[Any]] = {
        "run_id": runs,
        "token": [task.token],
        "workflow": ["edge", "quick"],
        "namespace": ["", "default"],
    }
    with seeded("STELLWERK_EDGE_SEED", anew=SOAKS) as seed:
        fuzzer = Fuzzer(api.channel, random.Random(seed), known)
        before = 0
        for done in range(0, INPUTS, AT_ONCE):
            await asyncio.gather(*(fuzzer.one() for _ in range(AT_ONCE)))
            if done <= INPUTS // 4:
                before = psutil.Process().memory_info().rss
            assert not fuzzer.wrong, "\n".join(fuzzer.wrong)
        assert fuzzer.codes["OK"] > INPUTS / 100
        assert fuzzer.codes["INVALID_ARGUMENT"] > INPUTS / 100
        assert psutil.Process().memory_info().rss - before < GROWTH_BYTES_MAX
        # Of a name it does not know: a worker of its making may have said that it has the code of the others.
        await api.apply(AFTERWARDS)
        run = await api.start("afterwards")
        assert (await api.wait(run)).run_id in ("", run)
