"""Log records that say which run they are about, as text or JSON. Must not change what a record says otherwise."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from stellwerk_server.model import ids

FIELDS = ("run_id", "step", "attempt", "trace_id")
FORMATS = ("text", "json")
_TIME = "%Y-%m-%dT%H:%M:%S"


class AboutRuns(logging.Filter):
    """Gives a record the run, step, attempt and trace of the command, task or lease among its arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes."""
        for argument in record.args if isinstance(record.args, tuple) else ():
            if isinstance(getattr(argument, "run_id", None), int):
                for name, value in _about(argument).items():
                    if not hasattr(record, name):
                        setattr(record, name, value)
                break
        return True


def formatter(kind: str) -> logging.Formatter:
    """The formatter of that name, "text" or "json"; times in UTC."""
    made: logging.Formatter = _Json(datefmt=_TIME) if kind == "json" else _Text(datefmt=_TIME)
    made.converter = time.gmtime
    return made


class _Text(logging.Formatter):
    def __init__(self, datefmt: str) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", datefmt)

    def formatMessage(self, record: logging.LogRecord) -> str:
        about = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = super().formatMessage(record)
        return f"{line} [{about}]" if about else line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        document = {
            "time": f"{self.formatTime(record, self.datefmt)}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            document["error"] = self.formatException(record.exc_info)
        return json.dumps(document, default=str)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}


def _about(argument: Any) -> dict[str, Any]:
    about: dict[str, Any] = {"run_id": ids.show(argument.run_id)}
    if step := getattr(argument, "step", ""):
        about["step"] = step
    if attempt := getattr(argument, "attempt", 0):
        about["attempt"] = attempt
    if trace := _trace_id(getattr(argument, "trace", None)):
        about["trace_id"] = trace
    return about


def _trace_id(trace: str | None) -> str:
    named: Mapping[str, str] = json.loads(trace) if trace else {}
    parts = named.get("traceparent", "").split("-")
    return parts[1] if len(parts) > 1 else ""
