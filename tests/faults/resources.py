"""What the parts of the cluster take up, read from the system and from Postgres, for the log of resources."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg

from tests.faults.ground import Ground
from tests.faults.records import Resource, now

CLIENTS = "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"


def samples(ground: Ground, phase: str) -> Iterator[Resource]:
    """One of each server, and of Postgres' connections."""
    for server in ground.servers:
        if server.pid is not None:
            with suppress(OSError):
                yield of_program(server.name, server.pid, phase)
    with suppress(psycopg.Error), psycopg.connect(ground.dsn, connect_timeout=2) as connection:
        row = connection.execute(CLIENTS.encode()).fetchone()
        yield Resource(now(), "postgres", phase, connections=row[0] if row else 0)


def of_program(name: str, pid: int, phase: str) -> Resource:
    """Memory, descriptors and sockets of a program."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    rss_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    links = [_target(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    sockets = sum(link.startswith("socket:") for link in links)
    return Resource(now(), name, phase, rss_kib * 1024, len(links), sockets)


def _target(path: Path) -> str:
    with suppress(OSError):
        return os.readlink(path)  # noqa: PTH115 - "socket:[1]" is no path
    return ""
