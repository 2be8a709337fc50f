"""Every case in every language, against a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.perform import caught, languages_of, of_all
from tests.conformance.schema import ALL, HERE, Raw
from tests.conformance.stage import World

_together: dict[str, dict[str, str]] = {}


async def test_case(raw: Raw, language: str, world: World, request: pytest.FixtureRequest) -> None:
    problem = await ending(raw, language, world, request)
    known = known_failing(language)
    if problem and raw.name in known:
        pytest.xfail(known[raw.name])
    if problem:
        pytest.fail(problem, pytrace=False)
    assert raw.name not in known, f"it passes: take it out of known_failing/{language}.txt"


async def ending(raw: Raw, language: str, world: World, request: pytest.FixtureRequest) -> str:
    """What was not as the case says; empty when all was."""
    if raw.message.background:
        return world.background[raw.name].result()[language]
    if not raw.message.workers or raw.message.once:
        return await caught(raw, language, world)
    if raw.name not in _together:
        _together[raw.name] = await of_all(raw, languages_of(raw, request.session.items), world)
    return _together[raw.name][language]


def known_failing(language: str, folder: Path = HERE / "known_failing") -> dict[str, str]:
    """The reason of each case that is known to fail in this language."""
    if language == ALL:
        return {}
    lines = (folder / f"{language}.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.partition(":") for line in lines if line.strip() and not line.startswith("#")]
    return {name.strip(): reason.strip() for name, _, reason in pairs}
