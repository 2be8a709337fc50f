"""Random commands from two servers on one Postgres, the clock in the test's hand; after each, all invariants."""

from __future__ import annotations

import pytest

from tests.model import virtual
from tests.model.heart import Heart
from tests.model.playing import examples, play
from tests.model.virtual import Database

EXAMPLES = examples(45)


@pytest.mark.timeout(max(900, 4 * EXAMPLES))
def test_the_heart_keeps_its_promises(virtual_database: Database) -> None:
    play(Heart, EXAMPLES)


def test_the_clock_is_in_our_hand(virtual_database: Database) -> None:
    virtual_database.set_clock(virtual.START + 5)
    assert virtual_database.rows("select clock_timestamp() as now") == [{"now": virtual.START + 5}]
