"""What must hold of one history whatever the engine's fold makes of it: I8, I10, I12, I13, from events and rows.

Nothing here calls the engine: a mistake it makes in deciding and in folding alike must still be seen.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from stellwerk_server.engine.run import Run
from stellwerk_server.model import ids
from stellwerk_server.model.definition import StepDefinition, StepKind
from stellwerk_server.model.events import SECOND, Event, EventType, TimerKind
from stellwerk_server.model.payload import Payload, to_value
from stellwerk_server.model.states import RunState, StepState

if TYPE_CHECKING:
    from tests.model.checks import Tables

E = EventType
_BEGINS = (E.STEP_SCHEDULED, E.STEP_SLEEPING, E.STEP_AWAITING, E.STEP_EXPANDED)
# What the conditions of the definitions in tests/model/servers.py say, in other words.
_WHEN: dict[tuple[str, str], Any] = {
    ("parks", "z"): lambda given: given["n"] > 1,
    ("breaks", "b"): lambda given: given["items"][0] < 9,
    ("breaks", "c"): lambda given: given["items"][1] < 9,
    ("breaks", "never"): lambda given: given["n"] > 9,
}


def check_history_alone(tables: Tables, run: Run) -> None:
    """All of it, for one run."""
    events = tables.events[run.id]
    _check_attempts(run, events)
    _check_signals(run, events)
    if run.code is None:
        _check_order(run, events, tables.runs[run.id]["input"])
        _check_values(tables, run)
    else:
        _check_carried(tables, run)
    _check_timers(tables, run, events)


def _check_order(run: Run, events: list[Event], given: bytes) -> None:
    """I8: a step begins once all it needs is finished and one of that has succeeded; a skipped one never does."""
    finished: set[str] = set()
    succeeded: set[str] = set()
    for event in events:
        key = event.step or ""
        definition = run.workflow.definition.step(key.partition("[")[0])
        if (event.type in _BEGINS and event.attempt in (None, 1)) or event.type is E.STEP_SKIPPED:
            assert definition is not None
            _check_begun(run, definition, event, (finished, succeeded), given)
        if event.type in (E.STEP_SUCCEEDED, E.STEP_KEPT, E.STEP_SKIPPED, E.STEP_FAILED, E.STEP_DEAD):
            finished.add(key)
            kept = event.type is E.STEP_KEPT and (event.data or {})["state"] == "SUCCEEDED"
            if event.type is E.STEP_SUCCEEDED or kept:
                succeeded.add(key)
                items = run.steps[key].items
                assert items is None or kept or {f"{key}[{place}]" for place in range(items)} <= finished


def _check_begun(
    run: Run, definition: StepDefinition, event: Event, before: tuple[set[str], set[str]], given: bytes
) -> None:
    finished, succeeded = before
    needs = {run.workflow.definition.steps[place].id for place in definition.needs}
    assert needs <= finished, f"{definition.id} before {needs - finished}"
    met = not needs or bool(needs & succeeded)
    when = _WHEN.get((run.workflow.name, definition.id))
    skipped = event.type is E.STEP_SKIPPED
    assert skipped or met, f"{definition.id} began though nothing it needs has succeeded"
    if met and (when is not None or definition.when is None):
        assert skipped == (when is not None and not when(json.loads(given))), definition.id


def _check_attempts(run: Run, events: list[Event]) -> None:
    """I10: attempts go up by one, each after the one before has failed, and no more of them than are allowed."""
    last: dict[str, int] = defaultdict(int)
    base: dict[str, int] = {}
    failed: set[str] = set()
    for event in events:
        key = event.step or ""
        if event.type is E.STEP_SCHEDULED:
            assert event.attempt == last[key] + 1
            assert event.attempt == 1 or key in failed
            last[key] += 1
            failed.discard(key)
        elif event.type is E.STEP_EXPANDED:
            last |= {f"{key}[{place}]": 1 for place in range(len(json.loads(event.payload or b"[]")))}
        elif event.type in (E.STEP_ATTEMPT_FAILED, E.STEP_DEAD):
            assert (event.attempt or 0) == last[key]
            # Time may also run out between two attempts.
            timed_out = (event.data or {}).get("reason") == "STEP_TIMED_OUT"
            assert timed_out or key not in failed, f"attempt {last[key]} of {key} failed twice"
            failed.add(key)
            _check_verdict(run.steps[key].definition, event, last[key] - base.get(key, 0))
            if event.type is E.STEP_DEAD:
                base[key] = last[key]


def _check_verdict(definition: StepDefinition, event: Event, used: int) -> None:
    """A retry is one that may be, and only who has used all attempts is exhausted."""
    assert event.failure is not None
    hopeless = event.failure.terminal or event.failure.type in definition.retry.non_retryable
    assert used <= definition.retry.max_attempts
    if event.type is E.STEP_ATTEMPT_FAILED:
        assert not hopeless
        assert used < definition.retry.max_attempts
    else:
        reason = (event.data or {})["reason"]
        assert (reason == "ATTEMPTS_EXHAUSTED") == (not hopeless and used == definition.retry.max_attempts), reason


def _check_signals(run: Run, events: list[Event]) -> None:
    """I13: what a run is told under one id counts once, and is taken in the order it was told in."""
    seen = Counter((event.data or {})["id"] for event in events if event.type is E.RUN_SIGNALLED)
    assert not [id for id, count in seen.items() if count > 1]
    told, taken = told_and_taken(run, events)
    waiting = Counter(
        step.definition.signal
        for step in run.steps.values()
        if step.definition.kind is StepKind.SIGNAL and step.state is StepState.WAITING
    )
    for name, payloads in taken.items():
        assert payloads == told[name][: len(payloads)], name
    for name in waiting if not run.state.terminal else ():
        assert len(taken[name]) == len(told[name]), f"somebody waits for {name!r}, which was told"


def told_and_taken(run: Run, events: list[Event]) -> tuple[dict[str, list[bytes]], dict[str, list[bytes]]]:
    """The payloads of signals by name, as they came and as steps took them."""
    told: dict[str, list[bytes]] = defaultdict(list)
    taken: dict[str, list[bytes]] = defaultdict(list)
    for event in events:
        if event.type is E.RUN_SIGNALLED:
            told[(event.data or {})["signal"]].append(event.payload or b"null")
        elif event.type is E.STEP_SUCCEEDED and run.steps[event.step or ""].definition.kind is StepKind.SIGNAL:
            taken[run.steps[event.step or ""].definition.signal].append(event.payload or b"null")
    return told, taken


def _check_carried(tables: Tables, run: Run) -> None:
    """I13: what nobody had taken goes on with the run."""
    if run.state is not RunState.CONTINUED:
        return
    after = ids.parse(json.loads(tables.runs[run.id]["output"]))
    assert after is not None
    told, taken = told_and_taken(run, tables.events[run.id])
    left = {name: payloads[len(taken[name]) :] for name, payloads in told.items() if len(payloads) > len(taken[name])}
    carried: dict[str, list[bytes]] = defaultdict(list)
    for event in tables.events[after]:
        data = event.data or {}
        if event.type is E.RUN_SIGNALLED and data["id"].startswith(ids.show(run.id) + "/"):
            carried[data["signal"]].append(event.payload or b"null")
    assert carried == left


def _check_values(tables: Tables, run: Run) -> None:
    """Every value is the one it was made from: inputs, joined outputs, what a child gave, what the run gives."""
    row = tables.runs[run.id]
    steps = {key: step for (run_id, key), step in tables.steps.items() if run_id == run.id}
    begun = {event.step for event in tables.events[run.id] if event.type in (E.STEP_SCHEDULED, E.STEP_SLEEPING)}
    for key, stored in steps.items():
        step = run.steps[key]
        if step.definition.input is not None:
            continue
        if stored["items"] is not None and stored["state"] == StepState.SUCCEEDED:
            parts = [_value(steps[f"{key}[{place}]"]["output"]) for place in range(stored["items"])]
            assert _value(stored["output"]) == parts, key
        elif step.item is not None:
            assert _value(stored["input"]) == _value(steps[step.definition.id]["input"])[step.item], key
        elif key in begun:
            assert _value(stored["input"]) == _handed_on(run, steps, step.definition.needs, row["input"]), key
    definition = run.workflow.definition
    if row["state"] == RunState.SUCCEEDED and (definition.output is None or run.workflow.name == "breaks"):
        last = [step.index for step in definition.steps if not step.dependents]
        if definition.output is not None:
            last = [step.index for step in definition.steps if step.id == "z"]
        assert _value(row["output"]) == _handed_on(run, steps, last, None)
    _check_children(tables, run, steps)


def _handed_on(run: Run, steps: dict[str, Any], places: Any, otherwise: bytes | None) -> Any:
    names = [run.workflow.definition.steps[place].id for place in places]
    if not names:
        return _value(otherwise)
    outputs = {name: _value(steps[name]["output"]) for name in names}
    return outputs if len(names) > 1 else outputs[names[0]]


def _check_children(tables: Tables, run: Run, steps: dict[str, Any]) -> None:
    for event in tables.events[run.id]:
        if event.type is not E.STEP_CHILD_STARTED:
            continue
        child = tables.runs[ids.parse((event.data or {})["child"]) or 0]
        stored = steps[event.step or ""]
        # One that goes on for another has what that one has given it.
        if "continued_from" not in (tables.events[child["id"]][0].data or {}):
            assert _value(child["input"]) == _value(stored["input"])
        over = stored["state"] == StepState.SUCCEEDED and stored["attempt"] == event.attempt
        if over and child["state"] != RunState.CONTINUED:
            assert child["state"] == RunState.SUCCEEDED
            assert _value(child["output"]) == _value(stored["output"])


def _check_timers(tables: Tables, run: Run, events: list[Event]) -> None:
    """I12: what waits for a moment has a row with that moment, and what waits no longer has none."""
    rows = {(step, kind): due for (run_id, step, kind), due in tables.timers.items() if run_id == run.id}
    if run.state.terminal:
        assert not [place for place in rows if place[1] < TimerKind.CHILD_ENDED]
        return
    assert rows.get(("", TimerKind.RUN_DEADLINE)) == tables.runs[run.id]["deadline"]
    first = _first_scheduled(events)
    for key, step in run.steps.items():
        total_s, total = step.definition.timeout.total_s, rows.get((key, TimerKind.STEP_TOTAL))
        if step.state.finished:
            assert not [place for place in rows if place[0] == key and place[1] < TimerKind.CHILD_ENDED], key
        elif step.state in (StepState.READY, StepState.WAITING) and total_s is not None and step.items is None:
            assert total == first[key] + int(total_s * SECOND), key


def _first_scheduled(events: list[Event]) -> dict[str, int]:
    """When each step began for the first time, or anew after somebody redrove it."""
    first: dict[str, int] = {}
    for event in events:
        key = event.step or ""
        if event.type is E.STEP_EXPANDED:
            first |= {f"{key}[{place}]": event.at for place in range(len(json.loads(event.payload or b"[]")))}
        elif event.type in _BEGINS:
            first.setdefault(key, event.at)
        elif event.type is E.STEP_DEAD:
            first.pop(key, None)
    return first


def _value(stored: bytes | None) -> Any:
    return None if stored is None else to_value(Payload(stored))
