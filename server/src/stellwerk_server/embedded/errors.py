"""The errors of the embedded servers, as one small tree.

For the CLI and for tests: every message names what was asked, what was found and what to do next.
Must not import anything of ours."""

__all__ = [
    "BinaryNotFoundError",
    "EmbeddedError",
    "FolderRefusedError",
    "PortInUseError",
    "SettingRefusedError",
    "StartFailedError",
    "VersionMismatchError",
]


class EmbeddedError(Exception):
    """An embedded Postgres or Valkey could not do what was asked; the message says what to do."""


class BinaryNotFoundError(EmbeddedError):
    """No usable server binary is installed."""


class VersionMismatchError(EmbeddedError):
    """The data folder was made by a Postgres version of which no binary is installed."""


class PortInUseError(EmbeddedError):
    """The port that was asked for by number is taken."""


class FolderRefusedError(EmbeddedError):
    """The data folder cannot be used by this user."""


class SettingRefusedError(EmbeddedError):
    """A setting was passed that `start` decides itself."""


class StartFailedError(EmbeddedError):
    """The server did not come up; the message ends with what it logged."""
