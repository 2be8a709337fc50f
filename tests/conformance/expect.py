"""Whether what came is what the case says: every difference as a line, with its place.

Must not change anything, and must not wait longer than for the runs to end.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from google.protobuf.duration_pb2 import Duration

from stellwerk.v1 import dead_letter_pb2, payload_pb2, run_pb2
from tests.conformance import case_pb2
from tests.conformance.acts import chunks_now
from tests.conformance.schema import plain
from tests.conformance.stage import Stage
from tests.integration.api import call

WAIT_S = 5


async def judge(stage: Stage, expect: case_pb2.Expect) -> list[str]:
    """Every difference between what is expected and what came."""
    problems: list[str] = []
    for run_id in stage.runs:
        result = await _ended(stage, run_id)
        problems += _result(expect, result)
        problems += await _steps(stage, expect, run_id)
        problems += await _history(stage, expect, run_id)
        problems += await _dead_letters(stage, expect, run_id)
    if expect.chunks:
        problems += _chunks(expect, await chunks_now(stage, 0))
    for pattern, count in expect.notes.items():
        problems += differs(f"notes of {pattern!r}", count, stage.count_notes(pattern))
    for name, code in expect.exits.items():
        problems += differs(f"exit code of {name}", code, stage.workers[name].exit_code)
    return problems


async def _ended(stage: Stage, run_id: str) -> run_pb2.RunResult:
    """The result of a run, once it has one."""
    results: list[run_pb2.RunResult] = []

    async def look() -> bool:
        request = run_pb2.WaitRunRequest(run_id=run_id, wait=Duration(seconds=WAIT_S))
        answer = await call(stage.api.runs.WaitRun(request, timeout=WAIT_S + 5))
        results[:] = [answer.result]
        return bool(answer.ended)

    await stage.until(look, f"{run_id} has ended")
    return results[0]


def _result(expect: case_pb2.Expect, result: run_pb2.RunResult) -> Iterator[str]:
    state = run_pb2.RunState.Name(result.state).removeprefix("RUN_STATE_")
    failed = f" ({result.failure.type}: {result.failure.message[:2000]})" if result.HasField("failure") else ""
    if state != (expect.state or "SUCCEEDED"):
        yield f"state: expected {expect.state or 'SUCCEEDED'}, came {state}{failed}"
        return
    if expect.HasField("failure"):
        yield from _failure("failure", expect.failure, result.failure)
    yield from _output(expect, result.output)


def _output(expect: case_pb2.Expect, payload: payload_pb2.Payload) -> Iterator[str]:
    if expect.HasField("output"):
        yield from matches("output", plain(expect.output), exact(payload))
    if expect.output_json:
        yield from matches("output", _exact_json(expect.output_json), exact(payload), patterns=False)
    if expect.output_base64:
        yield from differs("output", base64.b64decode(expect.output_base64), payload.data)
    if expect.output_bytes:
        size = expect.output_bytes
        yield from differs("output", (bytes(range(256)) * (size // 256 + 1))[:size], payload.data)
    if expect.outcomes:
        yield from _outcomes(expect.outcomes, exact(payload))


def _outcomes(expected: Sequence[case_pb2.Outcome], came: Any) -> Iterator[str]:
    if not isinstance(came, list) or len(came) != len(expected):
        yield f"outcomes: expected {len(expected)}, came {_short(came)}"
        return
    for index, (outcome, found) in enumerate(zip(expected, came, strict=True)):
        place = f"outcomes[{index}]"
        if outcome.HasField("error"):
            yield from _error(f"{place}.error", outcome.error, found.get("error"))
        elif "error" in found:
            yield f"{place}: expected no error, came {_short(found)}"
        elif not outcome.fine:
            yield from matches(f"{place}.ok", plain(outcome.ok), found.get("ok"))


def _error(place: str, expected: case_pb2.Error, came: Any) -> Iterator[str]:
    if came is None:
        yield f"{place}: expected an error, came none"
        return
    for name in ("kind", "code", "reason", "message"):
        yield from fits(f"{place}.{name}", getattr(expected, name), came.get(name, ""))
    if expected.fields:
        wanted = [[field.field, field.description] for field in expected.fields]
        found = [[field["field"], field["description"]] for field in came.get("fields", [])]
        yield from differs(f"{place}.fields: how many", len(wanted), len(found))
        for pair, other in zip(wanted, found, strict=False):
            yield from fits(f"{place}.fields", pair[0], other[0])
            yield from fits(f"{place}.fields: {pair[0]}", pair[1], other[1])


def _failure(place: str, expected: case_pb2.Failure, came: payload_pb2.Failure) -> Iterator[str]:
    category = payload_pb2.FailureCategory.Name(came.category).removeprefix("FAILURE_CATEGORY_")
    yield from fits(f"{place}.type", expected.type, came.type)
    yield from fits(f"{place}.message", expected.message, came.message)
    if expected.category:
        yield from differs(f"{place}.category", expected.category, category)
    for name in ("terminal", "step", "attempt"):
        if getattr(expected, name) or (name == "terminal" and expected.HasField("terminal")):
            yield from differs(f"{place}.{name}", getattr(expected, name), getattr(came, name))
    if expected.HasField("details"):
        yield from matches(f"{place}.details", plain(expected.details), exact(came.details))
    if expected.stack and not re.search(expected.stack, came.stack):
        yield f"{place}.stack: expected {expected.stack!r} in it, came {came.stack!r}"
    if expected.HasField("cause"):
        yield from _failure(f"{place}.cause", expected.cause, came.cause)
    if expected.causes:
        yield from differs(f"{place}: causes", expected.causes, _depth(came))


def _depth(failure: payload_pb2.Failure) -> int:
    return 1 + _depth(failure.cause) if failure.HasField("cause") else 0


async def _steps(stage: Stage, expect: case_pb2.Expect, run_id: str) -> list[str]:
    if not expect.steps:
        return []
    problems: list[str] = []
    steps = {step.step: step for step in (await stage.api.get(run_id)).steps}
    for name, expected in expect.steps.items():
        if name not in steps:
            problems.append(f"steps: expected {name}, came {sorted(steps)}")
            continue
        step, place = steps[name], f"steps.{name}"
        if expected.state:
            problems += differs(f"{place}.state", f"STEP_STATE_{expected.state}", run_pb2.StepState.Name(step.state))
        if expected.attempt:
            problems += differs(f"{place}.attempt", expected.attempt, step.attempt)
        if expected.HasField("failure"):
            problems += _failure(f"{place}.failure", expected.failure, step.failure)
        if expected.HasField("output"):
            problems += matches(f"{place}.output", plain(expected.output), exact(step.output))
    return problems


async def _history(stage: Stage, expect: case_pb2.Expect, run_id: str) -> list[str]:
    if not expect.history:
        return []
    return differs("history", list(expect.history), [event.type for event in await stage.api.history(run_id)])


async def _dead_letters(stage: Stage, expect: case_pb2.Expect, run_id: str) -> list[str]:
    request = dead_letter_pb2.ListDeadLettersRequest(run_id=run_id)
    found = (await call(stage.api.dead_letters.ListDeadLetters(request))).dead_letters
    came = sorted((letter.step, letter.reason) for letter in found)
    problems = differs("dead letters", sorted((letter.step, letter.reason) for letter in expect.dead_letters), came)
    attempts = {letter.step: letter.attempt for letter in found}
    for letter in expect.dead_letters:
        if letter.attempt:
            problems += differs(f"dead letter of {letter.step}: attempt", letter.attempt, attempts.get(letter.step))
    return problems


def _chunks(expect: case_pb2.Expect, came: Sequence[run_pb2.Chunk]) -> Iterator[str]:
    yield from differs("chunks: how many", len(expect.chunks), len(came))
    for index, (expected, chunk) in enumerate(zip(expect.chunks, came, strict=False)):
        place = f"chunks[{index}]"
        if expected.base64:
            yield from differs(place, base64.b64decode(expected.base64), chunk.payload.data)
        else:
            yield from matches(place, plain(expected.value), exact(chunk.payload))
        if expected.attempt:
            yield from differs(f"{place}.attempt", expected.attempt, chunk.attempt)


def exact(payload: payload_pb2.Payload) -> Any:
    """The payload's value, numbers with every digit; bytes as they are."""
    kind = payload.WhichOneof("content")
    return _exact_json(payload.json) if kind == "json" else payload.data if kind == "data" else None


def _exact_json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def matches(place: str, expected: Any, came: Any, *, patterns: bool = True) -> list[str]:
    """Differences between two JSON values; an expected text that begins with ~ is a regular expression."""
    if patterns and isinstance(expected, str) and expected.startswith("~"):
        return list(fits(place, expected[1:], came if isinstance(came, str) else json.dumps(came, default=str)))
    if isinstance(expected, dict) and isinstance(came, dict) and expected.keys() == came.keys():
        return [p for key in expected for p in matches(f"{place}.{key}", expected[key], came[key], patterns=patterns)]
    if isinstance(expected, list) and isinstance(came, list) and len(expected) == len(came):
        pairs = enumerate(zip(expected, came, strict=True))
        return [p for at, (one, other) in pairs for p in matches(f"{place}[{at}]", one, other, patterns=patterns)]
    if isinstance(expected, float) and isinstance(came, Decimal):
        came = float(came)
    if isinstance(expected, bool) != isinstance(came, bool):
        return [f"{place}: expected {_short(expected)}, came {_short(came)}"]
    return differs(place, expected, came)


def fits(place: str, pattern: str, came: str) -> Iterator[str]:
    """The difference when a text is not what the regular expression says; an empty one fits everything."""
    if pattern and not re.fullmatch(pattern, came, re.DOTALL):
        yield f"{place}: expected /{_short(pattern)}/, came {_short(came)}"


def differs(place: str, expected: Any, came: Any) -> list[str]:
    """The difference between two values."""
    return [] if expected == came else [f"{place}: expected {_short(expected)}, came {_short(came)}"]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 2000 else f"{text[:1000]}... ({len(text)} characters)"
