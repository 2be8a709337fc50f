"""Whether what came is what the case says: every difference as a line, with its place.

Must not change anything, and must not wait longer than for the runs to end.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from google.protobuf.duration_pb2 import Duration

from stellwerk.v1 import dead_letter_pb2, payload_pb2, run_pb2
from tests.conformance import case_pb2
from tests.conformance.acts import chunks_now
from tests.conformance.schema import plain, plain_struct
from tests.conformance.stage import Stage
from tests.integration.api import call

WAIT_S = 5


async def judge(stage: Stage, expect: case_pb2.Expect) -> list[str]:
    """Every difference between what is expected and what came."""
    problems: list[str] = []
    for run_id in stage.runs:
        problems += _result(expect, await _last(stage, expect, run_id))
        problems += await _steps(stage, expect, run_id)
        problems += await _history(stage, expect, run_id)
        problems += await _dead_letters(stage, expect, run_id)
        problems += await _shown(stage, expect, run_id)
    if expect.chunks:
        problems += _chunks(expect, await chunks_now(stage, 0))
    for pattern, count in expect.notes.items():
        problems += differs(f"notes of {pattern!r}", count * len(stage.workflows), stage.count_notes(pattern))
    for name, code in expect.exits.items():
        problems += differs(f"exit code of {name}", code, stage.workers[name].exit_code)
    return problems


async def _last(stage: Stage, expect: case_pb2.Expect, run_id: str) -> run_pb2.RunResult:
    """The result of the run, or of the one it was continued as, unless it is that which is expected."""
    result = await _ended(stage, run_id)
    while result.continued_as and expect.state != "CONTINUED":
        stage.continued.append(result.continued_as)
        result = await _ended(stage, result.continued_as)
    return result


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
    if expected.HasField("failure"):
        yield from _kept_failure(f"{place}.failure", expected.failure, came.get("failure") or {})
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


def _kept_failure(place: str, expected: case_pb2.Failure, came: dict[str, Any]) -> Iterator[str]:
    """The differences of a failure as code has seen it."""
    for name in ("type", "message", "category", "step"):
        yield from fits(f"{place}.{name}", getattr(expected, name), came.get(name) or "")
    if expected.attempt:
        yield from differs(f"{place}.attempt", expected.attempt, came.get("attempt"))
    if expected.HasField("details"):
        yield from matches(f"{place}.details", plain(expected.details), came.get("details"))
    if expected.HasField("cause"):
        yield from _kept_failure(f"{place}.cause", expected.cause, came.get("cause") or {})


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


async def _shown(stage: Stage, expect: case_pb2.Expect, run_id: str) -> list[str]:
    """Differences in what the run shows of itself, and in what has happened to it."""
    problems: list[str] = []
    if expect.derived:
        problems += _derived(expect, run_id, exact((await stage.api.get(run_id)).output))
    if expect.published or expect.HasField("attributes"):
        run = await stage.api.get(run_id)
        wanted = {key: plain(value) for key, value in expect.published.items()}
        problems += matches("published", wanted, {key: exact(value) for key, value in run.published.items()})
        problems += matches("attributes", plain_struct(expect.attributes), _exact_json(run.attributes or "{}"))
    if expect.events:
        history = await stage.api.history(run_id)
        problems += [problem for each in expect.events for problem in _happened(each, history)]
    return problems


def _derived(expect: case_pb2.Expect, run_id: str, came: Any) -> list[str]:
    """Differences from what docs/code.md says a run draws."""
    drawn: list[Any] = []
    for number, kind in enumerate(expect.derived, start=1):
        digest = hashlib.sha256(f"{run_id}/{number}".encode()).digest()
        uuid = str(UUID(bytes=digest[:16], version=4))
        drawn.append(uuid if kind == "uuid" else (int.from_bytes(digest[:8], "big") >> 11) / 2**53)
    return matches("derived", drawn, came)


def _happened(expected: case_pb2.Happened, history: Sequence[run_pb2.Event]) -> list[str]:
    named = [e for e in history if fit(expected.type, e.type) and fit(expected.step, e.step)]
    found = [e for e in named if not list(_failure("", expected.failure, e.failure))]
    if expected.HasField("times"):
        return differs(f"events {expected}", expected.times, len(found))
    return [] if found else [f"events: expected {expected}, came {named[-5:]} of {[e.type for e in history][-20:]}"]


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


def fit(pattern: str, came: str) -> bool:
    """Whether a text is what the regular expression says; an empty one fits everything."""
    return not list(fits("", pattern, came))


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
