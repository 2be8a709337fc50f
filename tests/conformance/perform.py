"""A case from its opening to its judgement, in one language or in all of them at the same time.

Must not fail: what went wrong is the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest

from tests.conformance import expect
from tests.conformance.acts import play
from tests.conformance.programs import NotBuilt
from tests.conformance.schema import LANGUAGES, Raw
from tests.conformance.stage import Stage, World
from tests.integration.api import Refused


def languages_of(raw: Raw, items: Sequence[pytest.Item]) -> list[str]:
    """The languages in which the case is to be run in this session."""
    names = {item.name for item in items}
    return [language for language in LANGUAGES if f"test_case[{raw.name}[{language}]]" in names]


async def of_all(raw: Raw, languages: list[str], world: World) -> dict[str, str]:
    """How the case ends in each language, all at the same time: its workers are of its own, and take time to start."""
    endings = await asyncio.gather(*(caught(raw, language, world) for language in languages))
    return dict(zip(languages, endings, strict=True))


async def perform(raw: Raw, language: str, world: World) -> str:
    """Run one case in one language; gives every difference."""
    stage = Stage(raw, language, world)
    async with AsyncExitStack() as stack:
        await stage.open(stack)
        await play(stage)
        problems = await expect.judge(stage, stage.case.expect)
        return "\n".join([raw.message.about, *problems, stage.scene()]) if problems else ""


async def caught(raw: Raw, language: str, world: World) -> str:
    """As `perform`, with what stopped it as a difference."""
    try:
        return await perform(raw, language, world)
    except (AssertionError, NotBuilt, Refused) as error:
        return f"{type(error).__name__}: {error} {getattr(error, 'fields', '')}"
