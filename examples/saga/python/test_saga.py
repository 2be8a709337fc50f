"""The saga under test: what is undone, and in which order, without a server."""

from typing import Any

import pytest

from examples.saga.python.worker import worker
from stellwerk import RetryableError, RunFailed
from stellwerk.testing import TestEnvironment, TestRun


def asked(run: TestRun) -> list[str]:
    """What the run had done, in order."""
    events: list[dict[str, Any]] = run.history()["events"]
    return [event["step"] for event in events if event["type"] == "STEP_SCHEDULED" and event["attempt"] == 1]


async def test_a_trip_is_booked() -> None:
    run = await TestEnvironment(worker).start("saga", {"to": "Rome"})
    booked = await run.result()
    assert [each.partition(" ")[0] for each in booked] == ["flight", "hotel", "car"]


async def test_a_trip_without_a_car_is_undone_from_its_end() -> None:
    run = await TestEnvironment(worker).start("saga", {"to": "Venice"})
    with pytest.raises(RunFailed, match="NoCars"):
        await run.result()
    assert asked(run) == ["book-flight", "book-hotel", "book-car", "undo-car", "undo-hotel", "undo-flight"]


async def test_what_may_have_been_booked_is_undone_too() -> None:
    def book(booking: dict[str, Any]) -> str:
        if booking["what"] == "hotel":
            raise RetryableError("the line was cut, who knows when")
        return "booked"

    env = TestEnvironment(worker)
    env.handler("saga.book", book)
    run = await env.start("saga", {"to": "Rome"})
    with pytest.raises(RunFailed):
        await run.result()
    assert asked(run) == ["book-flight", "book-hotel", "undo-hotel", "undo-flight"]
