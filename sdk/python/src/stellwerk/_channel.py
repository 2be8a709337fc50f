"""How to reach a server: address, TLS, token and channel options. Must not know any service."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import grpc

DEFAULT_ADDRESS = "127.0.0.1:7400"
DEFAULT_PORT = 7400
MESSAGE_BYTES_MAX = 16 * 1024 * 1024
BATCH_BYTES_MAX = 4 * 1024 * 1024
VERSION = metadata.version("stellwerk")

_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    # A restarted server is found within a second or two; the defaults wait up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Our own retries know request ids and budgets; the transport's do not.
    ("grpc.enable_retries", 0),
    # Every client and worker has connections of its own, and closes them.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS options: PEM files of the server's CA (default: the system's) and of a client certificate.

    `server_name` overrides the name the certificate must have (default: the host of the address).
    """

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A server and how to speak to it. `tls` is None for plain text."""

    address: str
    token: str
    namespace: str
    tls: Tls | None

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What every call carries."""
        names = (("x-client-name", "stellwerk-python"), ("x-client-version", VERSION))
        return (*names, ("authorization", f"Bearer {self.token}")) if self.token else names

    @property
    def described(self) -> str:
        """The address and how it is spoken to, for messages about a server that does not answer."""
        return f"{self.address} (TLS {'off' if self.tls is None else 'on'})"

    def open_async(self, interceptors: Sequence[Any] = ()) -> grpc.aio.Channel:
        """A channel for the running event loop."""
        options = self._options()
        if self.tls is None:
            return grpc.aio.insecure_channel(self.address, options=options, interceptors=interceptors)
        credentials = self._credentials(self.tls)
        return grpc.aio.secure_channel(self.address, credentials, options=options, interceptors=interceptors)

    def open_blocking(self) -> grpc.Channel:
        """A channel for OS threads."""
        if self.tls is None:
            return grpc.insecure_channel(self.address, options=self._options())
        return grpc.secure_channel(self.address, self._credentials(self.tls), options=self._options())

    def _options(self) -> list[tuple[str, Any]]:
        if self.tls is None or self.tls.server_name is None:
            return list(_OPTIONS)
        return [*_OPTIONS, ("grpc.ssl_target_name_override", self.tls.server_name)]

    @staticmethod
    def _credentials(tls: Tls) -> grpc.ChannelCredentials:
        ca, key, cert = (_read(file) for file in (tls.ca_file, tls.key_file, tls.cert_file))
        return grpc.ssl_channel_credentials(ca, key, cert)


def target(address: str | None, token: str | None, namespace: str | None, tls: Tls | bool | None) -> Target:
    """Fill in what is not given from the environment, then from the defaults. Raises ValueError."""
    address = _checked(address or os.environ.get("STELLWERK_ADDRESS") or DEFAULT_ADDRESS)
    return Target(
        address=address,
        token=token if token is not None else os.environ.get("STELLWERK_TOKEN", ""),
        namespace=namespace or os.environ.get("STELLWERK_NAMESPACE") or "default",
        tls=_tls(address, tls),
    )


def _tls(address: str, tls: Tls | bool | None) -> Tls | None:
    """Plain text is the default on loopback only."""
    if isinstance(tls, Tls):
        return tls
    wanted = tls if tls is not None else _tls_of_environment()
    if wanted is None:
        wanted = not _is_loopback(address)
    return Tls(ca_file=os.environ.get("STELLWERK_TLS_CA") or None) if wanted else None


def _tls_of_environment() -> bool | None:
    value = os.environ.get("STELLWERK_TLS", "").lower()
    if value in ("", "auto"):
        return None
    if value not in ("on", "off"):
        raise ValueError(f"STELLWERK_TLS: expected on, off or auto, came {value!r}")
    return value == "on"


def _checked(address: str) -> str:
    if address.startswith("unix:"):
        return address
    host, colon, port = address.rpartition(":")
    if address.startswith("[") and address.endswith("]"):
        return f"{address}:{DEFAULT_PORT}"
    if not colon:
        host, port = address, str(DEFAULT_PORT)
    if not host or "/" in address or " " in address or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"address: expected host:port (STELLWERK_ADDRESS), came {address!r}")
    return f"{host}:{port}"


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    return address.startswith("unix:") or host in ("localhost", "::1") or host.startswith("127.")


def _read(file: str | None) -> bytes | None:
    return Path(file).read_bytes() if file else None
