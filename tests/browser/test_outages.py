"""Servers that go away and come back while a page is open, and two servers on one database."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from stellwerk import Client
from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.browser.conftest import OpenStage
from tests.browser.stage import Stage
from tests.browser.test_run import Gate, is_over, is_same_page, sequences, unreloaded
from tests.browser.test_runs import row_of, rows
from tests.support.databases import fresh_database
from tests.support.servers import serving

HOLD = "name: hold\nsteps:\n  - {id: hold, action: hold}\n  - {id: last, action: hold}\n"
# What a browser itself says about a server that is not there.
AWAY = (r"ERR_CONNECTION_", r"ERR_EMPTY_RESPONSE", r"ERR_SOCKET_NOT_CONNECTED", r"WebSocket connection to")


@pytest.fixture
def dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database of the test's own, migrated by the first server on it."""
    with fresh_database(postgres) as dsn:
        yield dsn


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def says_away(stage: Stage) -> None:
    """Wait until the page says that it does not hear what happens."""
    await expect(stage.page.locator(".live", has_text="Reconnecting").first).to_have_count(1)


async def test_a_killed_server_is_said_to_be_away_and_nothing_is_lost_or_doubled(
    dsn: str, valkey: EmbeddedValkey, tmp_path: Path, open_stage: OpenStage
) -> None:
    gate = Gate()
    ports = ("--port", str(free_port()), "--http-port", str(free_port()))
    with serving(dsn, valkey.url, tmp_path, *ports) as first:
        async with open_stage(first) as stage, stage.working({"hold": gate}):
            stage.watch.allow(*AWAY)
            await stage.define(HOLD)
            run = await stage.client.start("hold")
            page = await stage.open_run(run, tab="history")
            events = page.get_by_role("table", name="History").get_by_role("row")
            await expect(events.filter(has_text="STEP_SCHEDULED")).to_have_count(1)
            await unreloaded(page)
            first.process.kill()
            first.process.wait()
            await says_away(stage)
            await page.get_by_role("button", name="Cancel", exact=True).click()
            await page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
            await expect(page.locator(".toast", has_text="The run was not cancelled")).to_be_visible()
            await is_over(page, "Running")
            with serving(dsn, valkey.url, tmp_path, *ports):
                # Two steps; where the lease has ended while no server was there, the first has another attempt.
                gate.open(4)
                await is_over(page, "Succeeded")
                await stage.is_live()
                await expect(events.filter(has_text="RUN_SUCCEEDED")).to_have_count(1)
                assert await sequences(page) == [event.sequence async for event in run.history()]
                assert await is_same_page(page)


async def test_a_list_of_runs_catches_up_when_its_server_is_back(
    dsn: str, valkey: EmbeddedValkey, tmp_path: Path, open_stage: OpenStage
) -> None:
    ports = ("--port", str(free_port()), "--http-port", str(free_port()))
    with (
        serving(dsn, valkey.url, tmp_path, *ports) as first,
        serving(dsn, valkey.url, tmp_path) as other,
    ):
        async with open_stage(first) as stage, Client(other.address, namespace=stage.namespace) as elsewhere:
            stage.watch.allow(*AWAY)
            await stage.define(HOLD)
            before = await elsewhere.start("hold")
            page = await stage.open("/runs")
            await expect(rows(page)).to_have_count(1)
            first.process.kill()
            first.process.wait()
            await says_away(stage)
            missed = await elsewhere.start("hold")
            await elsewhere.handle(before.run_id).cancel("meanwhile")
            with serving(dsn, valkey.url, tmp_path, *ports):
                await stage.is_live()
                await expect(rows(page)).to_have_count(2)
                await expect(row_of(page, before.run_id)).to_contain_text("Cancelled")
                await expect(row_of(page, missed.run_id)).to_contain_text("Running")
                await elsewhere.start("hold")
                await expect(rows(page)).to_have_count(3)


async def test_a_page_on_one_server_sees_what_another_commits(
    dsn: str, valkey: EmbeddedValkey, tmp_path: Path, open_stage: OpenStage
) -> None:
    gate = Gate()
    with serving(dsn, valkey.url, tmp_path) as first, serving(dsn, valkey.url, tmp_path) as second:
        async with open_stage(first) as worked, open_stage(second, worked.namespace) as watched:
            await worked.define(HOLD)
            async with worked.working({"hold": gate}):
                runs = await watched.open("/runs")
                run = await worked.client.start("hold")
                await expect(row_of(runs, run.run_id)).to_contain_text("Running")
                page = await watched.open_run(run.run_id)
                await unreloaded(page)
                gate.open(2)
                await is_over(page, "Succeeded")
                assert await is_same_page(page)


async def test_a_server_that_drains_hands_its_pages_over(
    dsn: str, valkey: EmbeddedValkey, tmp_path: Path, open_stage: OpenStage
) -> None:
    ports = ("--port", str(free_port()), "--http-port", str(free_port()))
    with serving(dsn, valkey.url, tmp_path, *ports) as first:
        async with open_stage(first) as stage:
            stage.watch.allow(*AWAY, "503")
            await stage.define(HOLD)
            run = await stage.client.start("hold")
            page = await stage.open_run(run)
            first.process.terminate()
            first.process.wait()
            await says_away(stage)
            with serving(dsn, valkey.url, tmp_path, *ports):
                await stage.is_live()
                await stage.client.handle(run.run_id).cancel()
                await is_over(page, "Cancelled")
                await expect(page.get_by_role("alert")).to_have_count(0)
                await expect(page.get_by_text(re.compile("server is away"))).to_have_count(0)
