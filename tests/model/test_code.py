"""Runs of code under random commands from two servers, the clock in the test's hand; after each, all invariants."""

from __future__ import annotations

import pytest

from tests.model.code import Code
from tests.model.playing import examples, play
from tests.model.virtual import Database

EXAMPLES = examples(30)


@pytest.mark.timeout(max(900, 4 * EXAMPLES))
def test_code_is_told_everything_once(virtual_database: Database) -> None:
    play(Code, EXAMPLES)
