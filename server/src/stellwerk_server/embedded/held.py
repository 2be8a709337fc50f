"""What an embedded server is to whoever started it, or found it running. Knows nothing of Postgres or Valkey."""

from collections.abc import Sequence
from signal import Signals
from types import TracebackType
from typing import Self

from .child import Child


class Held:
    """A server that runs; a context manager that stops it when we started it."""

    def __init__(self, pid: int, child: Child | None, stop_signals: Sequence[tuple[Signals, float]]) -> None:
        self.pid = pid
        self._child = child
        self._stop_signals = stop_signals

    @property
    def running(self) -> bool:
        """Whether the server we started still lives (always true for one only attached to)."""
        return self._child is None or self._child.running

    @property
    def attached(self) -> bool:
        """Whether this server was already running: then `stop` leaves it alone."""
        return self._child is None

    def stop(self) -> None:
        """Shut down and wait for the end; does nothing to a server we only attached to."""
        if self._child:
            self._child.stop(self._stop_signals)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
