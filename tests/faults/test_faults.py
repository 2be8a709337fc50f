"""Some time of everything at once: every kind of fault, workers of every language built here, nothing violated."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.faults.proxy import DOWN, HOST, UP, Proxy
from tests.faults.report import Report, write_report
from tests.faults.schedule import COUNTS, FULL_S, TAIL_S, plan
from tests.faults.trial import Options, Trial, say

CUT_S = 40.0
SEED = int(os.environ.get("STELLWERK_FAULTS_SEED", "7"))
# What one full run is to reach (issue 7).
FLOORS = {"server_kill": 200, "worker_kill": 200, "postgres_kill": 100, "freeze": 50, "redis": 100, "net": 200}


@pytest.mark.timeout(400)
async def test_nothing_is_violated_under_faults(tmp_path: Path) -> None:
    reports: list[Report] = []

    async def judge(folder: Path, dsn: str) -> None:
        reports.append(await asyncio.to_thread(write_report, folder, dsn))

    outcome = await Trial(Options(tmp_path, SEED, CUT_S), say).run(judge)
    [report] = reports
    assert report.ok, report.text
    assert outcome.failed == []
    assert outcome.left_open == 0, report.text
    assert outcome.last_stories_failed == 0


def test_a_full_run_has_as_many_faults_as_it_is_to_have() -> None:
    kinds = [each.fault for each in plan(FULL_S, 1)]
    for kind, floor in FLOORS.items():
        assert sum(kind in each for each in kinds) >= floor, kind


def test_a_schedule_is_its_seeds_and_has_every_kind() -> None:
    assert plan(60.0, 1) == plan(60.0, 1) != plan(60.0, 2)
    short = plan(60.0, 1)
    assert {each.fault for each in short} == set(COUNTS)
    assert max(each.after_s for each in short) <= 60.0 - TAIL_S


class Echo:
    """A server that answers each line with the same line."""

    async def __aenter__(self) -> Echo:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.proxy = Proxy([self._server.sockets[0].getsockname()[1]])
        self.heard = 0
        await self.proxy.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.proxy.close()
        self._server.close()

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
        """What comes back; None when nothing does for a while."""
        writer.write(b"x\n")
        try:
            async with asyncio.timeout(0.3):
                return await reader.readline()
        except TimeoutError:
            return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            self.heard += 1
            writer.write(line)


async def test_a_proxy_passes_bytes_and_swallows_those_it_is_told_to() -> None:
    async with Echo() as echo:
        lines = await asyncio.open_connection(HOST, echo.proxy.port)
        assert await echo.ask(*lines) == b"x\n"
        async with echo.proxy.swallowing(DOWN):
            assert await echo.ask(*lines) is None
        assert echo.heard == 2, "a lost reply is one to something that arrived"
        with pytest.raises(ConnectionError):
            await lines[0].readline()
        lines = await asyncio.open_connection(HOST, echo.proxy.port)
        async with echo.proxy.swallowing(UP):
            assert await echo.ask(*lines) is None
        assert echo.heard == 2
        async with echo.proxy.swallowing(UP, DOWN):
            taken = await asyncio.open_connection(HOST, echo.proxy.port)
            assert await echo.ask(*taken) is None, "half open: it is taken, and nobody is there"


async def test_a_proxy_cuts_and_goes_on_to_another_server() -> None:
    async with Echo() as echo:
        closed = Proxy([1, echo.proxy.port])
        await closed.up()
        lines = await asyncio.open_connection(HOST, closed.port)
        assert await echo.ask(*lines) == b"x\n"
        assert closed.cut() == 1
        with pytest.raises(ConnectionError):
            await lines[0].readline()
        await closed.close()
