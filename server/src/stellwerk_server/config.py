"""The one frozen, validated configuration of a server; units are in the names."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

MIB = 1024 * 1024


class ConfigError(Exception):
    """A setting is wrong; the message names it, what was expected and what came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How a server runs.

    Args:
        database_url: libpq connection string or URL of the Postgres (15 or newer) that owns all state.
        redis_url: Redis or Valkey, optional; without it duplicates and wake-ups go through Postgres.
        host: address to listen on; anything but loopback needs `insecure`.
        port: gRPC port; 0 takes a free one.
        http_port: HTTP port; None: the gRPC port plus one, or a free one when that was free to choose.
        allowed_hosts: names a request's Host may have besides loopback and `host`; "*" allows any.
        allowed_origins: origins whose pages may use the HTTP API and embed the web components.
        insecure: allow plaintext on addresses other people can reach.
        reuse_port: share the port with other server processes (SO_REUSEPORT).
        commit_lanes: transactions that may be under way at once.
        read_connections: connections for reads and background loops.
        max_payload_bytes: limit of each input, output and chunk.
        lease_s: how long a task may go without being named by its worker.
        idempotency_ttl_s: how long an idempotency key is remembered.
        cached_runs: open runs kept folded, per lane.
        drain_s: how long a stopping server waits for calls under way.
        feed_retention_s: how long a reader of all live events may be away and still go on where it was.
        sibling: of servers that share a port, the folder where they meet and this one's number.
    """

    database_url: str
    redis_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 7400
    http_port: int | None = None
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    insecure: bool = False
    reuse_port: bool = False
    commit_lanes: int = 2
    read_connections: int = 8
    max_payload_bytes: int = 2 * MIB
    lease_s: float = 10.0
    idempotency_ttl_s: float = 86_400.0
    cached_runs: int = 20_000
    drain_s: float = 20.0
    feed_retention_s: float = 3_600.0
    sibling: tuple[Path, str] | None = None

    def __post_init__(self) -> None:
        if self.http_port is None and self.port == _BOUNDS["port"][1]:
            raise ConfigError(f"http_port: expected one, as there is none after port {self.port}; came none")
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            if value is None:
                continue
            if not low <= value <= high:
                raise ConfigError(f"{name}: expected {low} to {high}, came {value}")
        if not self.database_url.strip():
            raise ConfigError("database_url: expected a Postgres connection string, came an empty one")
        if not self.insecure and self.host not in _LOOPBACK:
            raise ConfigError(
                f"host: expected a loopback address ({', '.join(sorted(_LOOPBACK))}), came {self.host!r};"
                " plaintext that others can reach needs --insecure"
            )

    @property
    def http_port_wanted(self) -> int:
        """The HTTP port to listen on; 0 for a free one."""
        if self.http_port is not None:
            return self.http_port
        return self.port + 1 if self.port else 0

    def describe(self) -> dict[str, object]:
        """All settings but the secrets in connection strings."""
        return {f.name: getattr(self, f.name) for f in fields(self) if not f.name.endswith("_url")}


_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_BOUNDS: dict[str, tuple[float, float]] = {
    "port": (0, 65_535),
    "http_port": (0, 65_535),
    "commit_lanes": (1, 16),
    "read_connections": (2, 100),
    "max_payload_bytes": (1024, 8 * MIB),
    "lease_s": (1.0, 3600.0),
    "idempotency_ttl_s": (1.0, 31_536_000.0),
    "cached_runs": (100, 10_000_000),
    "drain_s": (0.0, 600.0),
    "feed_retention_s": (60.0, 604_800.0),
}
