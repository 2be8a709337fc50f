"""Metrics of servers that share a port: whichever is asked, it answers for all, each under its number."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.support.databases import fresh_database
from tests.support.programs import wait_until
from tests.support.servers import PATIENCE_S, RunningServer, serving

Samples = dict[str, dict[str, float]]


def scrape(server: RunningServer) -> tuple[Samples, dict[str, float]]:
    """What each server has counted, by name, and what is said of all of them; over a connection of its own."""
    counted: Samples = {}
    of_all: dict[str, float] = {}
    for family in text_string_to_metric_families(httpx.get(f"{server.ready['http']}/metrics").text):
        for sample in family.samples:
            if "server" in sample.labels:
                values = counted.setdefault(sample.labels["server"], {})
                values[sample.name] = values.get(sample.name, 0) + sample.value
            else:
                of_all[sample.name] = of_all.get(sample.name, 0) + sample.value
    return counted, of_all


@pytest.mark.timeout(180)
def test_every_answer_has_the_counters_of_all(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, server_folder: Path
) -> None:
    with (
        fresh_database(postgres) as dsn,
        serving(dsn, valkey.url, server_folder, "--processes", "2") as server,
    ):
        address = server.ready["http"]
        definition = {"name": "plain", "steps": [{"id": "one", "action": "nobody"}]}
        assert httpx.post(f"{address}/api/workflows", json=definition).status_code == 201
        started = 12
        for _ in range(started):
            assert httpx.post(f"{address}/api/workflows/plain/trigger").status_code == 201
        for _ in range(6):
            counted, _ = scrape(server)
            assert sorted(counted) == ["1", "2"]
            assert sum(values.get("stellwerk_runs_started_total", 0) for values in counted.values()) == started
            assert all(values["stellwerk_build_info"] == 1 for values in counted.values())
        wait_until(lambda: scrape(server)[1].get("stellwerk_runs_open") == started, PATIENCE_S)
        assert "stellwerk_runs_started_total" not in scrape(server)[1]
