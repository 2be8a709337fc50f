"""The approval workflow under test: no server, no worker, and three days pass at once."""

from typing import Any

import pytest

from examples.approval.python.worker import worker
from stellwerk import RunCancelled
from stellwerk.testing import TestEnvironment, TestRun

ADA = {"who": "ada", "amount": 120}


def asked(run: TestRun) -> list[str]:
    """What the run had done, in order."""
    events: list[dict[str, Any]] = run.history()["events"]
    return [event["step"] for event in events if event["type"] == "STEP_SCHEDULED"]


async def test_what_is_approved_is_paid() -> None:
    env = TestEnvironment(worker)
    env.handler("approval.pay", lambda payment: f"{payment['amount']} for {payment['who']}")
    run = await env.start("approval", ADA)
    await env.skip("2d")
    assert run.published == {"state": "waiting for approval"}
    assert run.attributes == ADA
    await run.signal("approval", {"approved": True, "by": "Grace"})
    assert await run.result() == {"state": "paid", "by": "Grace", "receipt": "120 for ada"}
    assert asked(run) == ["approval.reserve", "approval.pay"]


async def test_nobody_answers_for_three_days() -> None:
    run = await TestEnvironment(worker).start("approval", ADA)
    assert (await run.result())["by"] == "nobody"
    assert asked(run) == ["approval.reserve", "approval.release", "approval.notify"]


async def test_nothing_stays_set_aside_for_a_cancelled_run() -> None:
    run = await TestEnvironment(worker).start("approval", ADA)
    await run.cancel()
    with pytest.raises(RunCancelled):
        await run.result()
    assert asked(run) == ["approval.reserve", "approval.release"]
