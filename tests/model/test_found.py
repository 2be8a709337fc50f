"""What the machines once found, kept as the rules that led there."""

from __future__ import annotations

from stellwerk_server.model import ids
from stellwerk_server.model.events import EventType
from tests.model.code import Code
from tests.model.virtual import Database


def test_a_child_that_goes_on_hears_of_its_parents_end(virtual_database: Database) -> None:
    """The parent's end was on its way to a child that was continued meanwhile, and went with what that one had left."""
    state = Code()
    try:
        state.some_runs(server=0, workflows=[0, 0])
        wanted = ["timed", "retried", "left child", "patch", "action"]
        state.decide(end="", keep=False, lost=True, number=9, server=1, twice=0, wanted=wanted)
        state.everything_holds()
        wanted = ["signal in time", "action", "child", "patch", "left child"]
        state.decide(end="", keep=True, lost=False, number=1, server=1, twice=0, wanted=wanted)
        state.everything_holds()
        state.decide(end="fail", keep=False, lost=True, number=5, server=0, twice=2, wanted=[])
        state.everything_holds()
        state.decide(end="continue", keep=False, lost=False, number=7, server=1, twice=2, wanted=["action", "action"])
        state.everything_holds()
    finally:
        state.teardown()


def test_a_run_that_went_on_for_a_child_is_named_with_its_end(virtual_database: Database) -> None:
    """Its parent heard at once that the child was continued and how that ended, and spoke of the first one alone."""
    state = Code()
    try:
        state.some_runs(server=0, workflows=[2, 2])
        looks = [
            ([], False, "succeed", ""),
            ([], True, "", "step"),
            (["action"], False, "continue", ""),
            ([], False, "fail", ""),
            ([], False, "", ""),
            ([], False, "", "timer"),
        ]
        state._play(server=0, number=8, looks=looks)
        failed = [e for run in state.runs for e in state.events(run) if e.type is EventType.STEP_ATTEMPT_FAILED]
        last = [run for run in state.runs if "continued_from" in (state.events(run)[0].data or {})]
        assert [f"child {ids.show(run)} ended as FAILED: Boom: no" for run in last] == [
            event.failure.message for event in failed
        ]
    finally:
        state.teardown()
