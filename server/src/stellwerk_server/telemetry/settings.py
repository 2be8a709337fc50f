"""Whether traces are wanted, by the standard OTEL_* variables. Must not import OpenTelemetry."""

from __future__ import annotations

from collections.abc import Mapping

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def exporters_wanted(environment: Mapping[str, str]) -> list[str]:
    """Names of the exporters: those of OTEL_TRACES_EXPORTER, else "otlp" when an endpoint is named, else none."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return []
    named = environment.get("OTEL_TRACES_EXPORTER", "").strip()
    if not named:
        return ["otlp"] if any(environment.get(name, "").strip() for name in _ENDPOINTS) else []
    return [name for part in named.split(",") if (name := part.strip()) not in ("", "none")]
