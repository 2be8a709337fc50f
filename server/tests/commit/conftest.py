"""Instances on a migrated database, started and stopped around each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from stellwerk_server.model.commands import Workflow
from tests.support.instance import Instance, running

TWO = """
name: two
steps:
  - {id: a, action: x, on_failure: park, retry: {max_attempts: 2, jitter: 0, initial: 50ms}}
  - {id: b, action: x}
"""


@pytest.fixture
async def one(migrated: str) -> AsyncIterator[Instance]:
    """An instance with two lanes."""
    async with running(Instance(migrated, 1)) as (instance,):
        yield instance


@pytest.fixture
async def other(migrated: str, one: Instance) -> AsyncIterator[Instance]:
    """A second instance on the same database."""
    async with running(Instance(migrated, 2)) as (instance,):
        yield instance


@pytest.fixture
async def two(one: Instance) -> Workflow:
    """A workflow of two steps; the first is parked when it dies."""
    return await one.register(TWO)
