"""What the server tells about itself: spans of runs, steps, attempts and calls, and log records that name their run.

Must not import OpenTelemetry before it is configured, and must never hold up or fail what it tells about.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stellwerk_server.telemetry.settings import exporters_wanted

if TYPE_CHECKING:
    from stellwerk_server.telemetry.tracing import Tracing


def open_tracing(secret: bytes, version: str) -> Tracing | None:
    """Tracing as the OTEL_* variables ask for it; None when they ask for none.

    `secret` is the cluster's: ids derived with it are the same on all of its servers and on no other cluster's.
    """
    names = exporters_wanted(os.environ)
    if not names:
        return None
    from stellwerk_server.telemetry import tracing

    return tracing.opened(names, secret, version)
