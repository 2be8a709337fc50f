"""Whether this program is traced, and setting that up once as the OTEL_* variables say.

Must not import OpenTelemetry where nobody asked for it: without it every hook in the SDK is one check for None.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stellwerk._exporting import Pipeline
    from stellwerk._spans import Spans

_logger = logging.getLogger("stellwerk")

# How long the end of a client, a worker or the program waits for spans to get out.
FLUSH_S = 2.0
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class _Program:
    """What was set up for this program."""

    def __init__(self) -> None:
        self.pipeline: Pipeline | None = None
        self._lock = threading.Lock()
        self._looked = False

    def configure(self) -> None:
        with self._lock:
            if self._looked:
                return
            self._looked = True
            names = exporters_wanted(os.environ)
            if not names:
                return
            try:
                from stellwerk._exporting import set_up
            except ImportError as error:
                _logger.info("OTEL_* variables ask for traces; that needs pip install 'stellwerk[otel]' (%s)", error)
                return
            self.pipeline = set_up(names)
            if self.pipeline is not None:
                atexit.register(self.pipeline.close, FLUSH_S)


_program = _Program()


def configure() -> None:
    """Send traces where the OTEL_* variables say, unless the program has a global provider of its own."""
    _program.configure()


def spans(namespace: str) -> Spans | None:
    """What makes the spans of a client or worker; None when nothing is traced."""
    # Whoever has set up a provider has imported this.
    if "opentelemetry.trace" not in sys.modules or _is_disabled(os.environ):
        return None
    from opentelemetry import trace

    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return None
    from stellwerk._spans import Spans

    return Spans(provider, namespace)


async def flush() -> None:
    """Send what was ended so far, if it was us who set the sending up; waits a little, never long."""
    if _program.pipeline is not None:
        await asyncio.to_thread(_program.pipeline.flush, FLUSH_S)


def exporters_wanted(environment: Mapping[str, str]) -> list[str]:
    """Names of the exporters: those of OTEL_TRACES_EXPORTER, else "otlp" when an endpoint is named, else none."""
    if _is_disabled(environment):
        return []
    named = environment.get("OTEL_TRACES_EXPORTER", "").strip()
    if not named:
        return ["otlp"] if any(environment.get(name, "").strip() for name in _ENDPOINTS) else []
    return [name for part in named.split(",") if (name := part.strip()) not in ("", "none")]


def _is_disabled(environment: Mapping[str, str]) -> bool:
    return environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
