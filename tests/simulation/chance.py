"""Every source of time and chance of this program, in the hand of a seed, for as long as a run lasts."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from unittest.mock import patch

from stellwerk_server.model.events import SECOND
from tests.simulation.loop import HOST, VirtualLoop

# When every run begins.
START_S = 1_767_225_600
real_s = time.perf_counter


def seeded(seed: int, what: str) -> Random:
    """A generator of its own for each purpose, so that one more question of one does not change the answers of all."""
    return Random(f"{seed} {what}")


def instant(loop: VirtualLoop) -> int:
    """What the database's clock says, in microseconds."""
    return START_S * SECOND + round(loop.time() * SECOND)


@contextmanager
def in_our_hand(seed: int, loop: VirtualLoop) -> Iterator[None]:
    """Clocks are those of the host that asks; random bytes are those of the seed."""
    source = seeded(seed, "bytes")

    def monotonic_s() -> float:
        host = HOST.get()
        return loop.time() if host is None else host.booted_s + loop.time() * host.rate

    def wall_s() -> float:
        host = HOST.get()
        return START_S + loop.time() + (0.0 if host is None else host.off_s)

    random.seed(f"{seed} global")
    with ExitStack() as stack:
        for module, name, value in (
            (time, "monotonic", monotonic_s),
            (time, "monotonic_ns", lambda: round(monotonic_s() * 1e9)),
            (time, "perf_counter", monotonic_s),
            (time, "time", wall_s),
            (time, "time_ns", lambda: round(wall_s() * 1e6) * 1_000),
            (os, "urandom", source.randbytes),
            (random, "_urandom", source.randbytes),
        ):
            stack.enter_context(patch.object(module, name, value))
        yield
