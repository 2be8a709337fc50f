"""Which fault begins when: a table of kinds and counts of a full run, spread over the time there is by a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

FULL_S = 45 * 60.0
# How many of each in a full run; a shorter one has its part of them, and one of each at least.
COUNTS = {
    "server_kill": 230,
    "worker_kill": 230,
    "postgres_kill": 115,
    "postgres_restart": 15,
    "server_freeze": 35,
    "worker_freeze": 40,
    "server_roll": 20,
    "clock_skew": 15,
    "disk_full": 12,
    "held_snapshot": 12,
    "connections_taken": 15,
    "redis_kill": 30,
    "redis_flush": 40,
    "redis_pause": 25,
    "redis_lie": 40,
    "net_latency": 50,
    "net_cut": 60,
    "net_half_open": 45,
    "net_one_way": 45,
    "net_lost_reply": 60,
}
# The last faults begin early enough to be over, and got over, in time.
TAIL_S = 8.0
# At first only workers die, and more of them: how soon their tasks go out again shows when nothing else is broken.
CALM_PART = 0.1


@dataclass(frozen=True, order=True)
class Planned:
    """A fault that begins `after_s` into the run."""

    after_s: float
    fault: str


def plan(duration_s: float, seed: int, rate: float = 1.0) -> list[Planned]:
    """The faults of a run, in order: each kind evenly spread, and each at a moment of its own within its part.

    `rate` says how many times as often as in a full run.
    """
    chance = random.Random(f"{seed}/schedule")
    end_s = max(duration_s - TAIL_S, duration_s / 2)
    calm_s = end_s * CALM_PART
    planned = []
    for fault, full in COUNTS.items():
        count = max(1, round(full * rate * duration_s / FULL_S))
        early = count // 3 if fault == "worker_kill" else 0
        planned += spread(fault, early, 0.0, calm_s, chance) + spread(fault, count - early, calm_s, end_s, chance)
    return sorted(planned)


def spread(fault: str, count: int, begin_s: float, end_s: float, chance: random.Random) -> list[Planned]:
    """So many of a kind over a stretch of time."""
    part_s = (end_s - begin_s) / max(1, count)
    return [Planned(begin_s + (number + chance.random()) * part_s, fault) for number in range(count)]
