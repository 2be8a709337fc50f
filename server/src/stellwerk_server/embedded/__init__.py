"""Real Postgres and real Valkey as child processes, for `stellwerk up` and for tests.

Nothing they start outlives us, not even a kill -9. Must not know our schema or our server."""

from .errors import (
    BinaryNotFoundError,
    EmbeddedError,
    FolderRefusedError,
    PortInUseError,
    SettingRefusedError,
    StartFailedError,
    VersionMismatchError,
)
from .postgres import EmbeddedPostgres
from .valkey import EmbeddedValkey

__all__ = [
    "BinaryNotFoundError",
    "EmbeddedError",
    "EmbeddedPostgres",
    "EmbeddedValkey",
    "FolderRefusedError",
    "PortInUseError",
    "SettingRefusedError",
    "StartFailedError",
    "VersionMismatchError",
]
