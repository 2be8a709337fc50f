"""Bugs put in on purpose into what only whole servers have: hints, claims, leases, timers, caches. For tests only.

Each must be caught by some of the first seeds; those of the engine and of single commands are in tests/model/seeded.py.
"""

from __future__ import annotations

from stellwerk_server.commit.poll import Poll
from stellwerk_server.dispatch.claims import Claims
from stellwerk_server.loops.leases import LostWorkers
from stellwerk_server.loops.pulse import Pulse
from stellwerk_server.loops.workers import Touch
from tests.model.planting import Bug, Rewrite

BUGS = [
    Bug("a lost hint is never made up for", "simulation", 23, (
        Rewrite(Pulse.run_once, "self._claims.hint(lanes)", "pass"),
    )),
    Bug("a place that was promised is not given back", "simulation", 1, (
        Rewrite(Poll.give_back, "self.free += count", "pass"),
    )),
    Bug("a lane is never searched from its beginning", "simulation", 3, (
        Rewrite(Claims._search_due, "time.monotonic() - self._searched.get(lane, 0.0) > _FULL_SEARCH_S", "False"),
        Rewrite(Claims._unknown, "self._marks.pop(lane, None)", "pass"),
        Rewrite(Claims._judge, "self._marks.pop(lane, None)", "pass"),
    )),
    Bug("timers of servers that died are left to the next round", "simulation", 11, (
        Rewrite(Pulse.run_once, "if due or not was_up:", "if False:"),
    )),
    Bug("the tasks of a dead worker stay with it", "simulation", 1, (
        Rewrite(LostWorkers._take_from, "if not lost:", "if True:"),
    )),
    Bug("a poll of long ago is a sign of life", "simulation", 1, (
        Rewrite(Touch._columns, "now_s - s.heard_at_s", "0.0"),
    )),
]  # fmt: skip
