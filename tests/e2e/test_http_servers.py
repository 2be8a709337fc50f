"""The HTTP side of the commands: the address they print, options that reach every server, a port that is taken."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx

from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.support.databases import fresh_database
from tests.support.servers import serving, stellwerk


def test_servers_share_the_http_port_and_the_options(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, server_folder: Path
) -> None:
    options = ("--processes", "2", "--allow-host", "work.example", "--allow-origin", "https://app.example")
    with fresh_database(postgres) as dsn, serving(dsn, valkey.url, server_folder, *options) as servers:
        page = {"host": "work.example", "origin": "https://app.example"}
        for _ in range(6):  # each on a connection of its own, so that both are met
            answer = httpx.get(f"{servers.ready['http']}/api/server", headers=page, trust_env=False)
            assert answer.status_code == 200, answer.text
            assert answer.headers["access-control-allow-origin"] == "https://app.example"


def test_a_taken_http_port_is_named(database: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = stellwerk("serve", "--port", "0", "--http-port", str(port), STELLWERK_DATABASE_URL=database)
    assert answer.status == 1
    assert f"127.0.0.1:{port}" in answer.err
    assert "--http-port" in answer.err
