"""Log records of the server name the run they are about, as text and as JSON."""

from __future__ import annotations

import json
import logging

import pytest

from stellwerk_server.model import ids
from stellwerk_server.model.commands import CancelRun, CompleteStep
from stellwerk_server.model.payload import NULL
from stellwerk_server.telemetry import logs

COMMAND = CompleteStep(17, "charge", 2, b"secret", NULL)


def formatted(kind: str, message: str, *arguments: object, **extra: object) -> str:
    record = logging.getLogger("x").makeRecord("x", logging.ERROR, "f", 1, message, arguments, None, extra=extra)
    assert logs.AboutRuns().filter(record)
    return logs.formatter(kind).format(record)


def test_text_ends_with_what_it_is_about() -> None:
    line = formatted("text", "refused alone: %s", COMMAND)
    assert line.endswith(f"[run_id={ids.show(17)} step=charge attempt=2]")
    assert "Z ERROR x refused alone: " in line
    assert formatted("text", "draining %s", 3).endswith(" ERROR x draining 3")


def test_json_has_a_field_for_each() -> None:
    document = json.loads(formatted("json", "refused: %s", COMMAND))
    assert document["message"].startswith("refused: CompleteStep(")
    assert {name: document[name] for name in ("level", "logger", "run_id", "step", "attempt")} == {
        "level": "ERROR",
        "logger": "x",
        "run_id": ids.show(17),
        "step": "charge",
        "attempt": 2,
    }
    assert document["time"].endswith("Z")
    assert "step" not in json.loads(formatted("json", "%s", CancelRun(1, "why")))


def test_what_the_record_says_itself_goes_first() -> None:
    assert json.loads(formatted("json", "%s", COMMAND, run_id="run_x"))["run_id"] == "run_x"


def test_a_trace_is_named_where_it_is_known() -> None:
    class Task:
        run_id = 1
        trace = json.dumps({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})

    assert json.loads(formatted("json", "%s", Task()))["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


def test_errors_are_part_of_the_one_line_of_json() -> None:
    with pytest.raises(ValueError) as raised:
        raise ValueError("no\nway")
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "m", (), (ValueError, raised.value, raised.tb))
    line = logs.formatter("json").format(record)
    assert "\n" not in line
    assert "ValueError: no" in json.loads(line)["error"]
