"""Workflows under test: run one in the test's own program with virtual time, or replay a recorded history.

    env = TestEnvironment()
    env.workflow("order", order)
    env.handler("charge", lambda card: "ok")
    run = await env.start("order", {"card": "4242"})
    await env.skip("3d")
    assert await run.result() == "ok"

Must not talk to any server.
"""

from stellwerk.errors import NonDeterminism, TestStuck
from stellwerk.testing._environment import TestEnvironment, TestRun
from stellwerk.testing._history import History, replay

__all__ = ["History", "NonDeterminism", "TestEnvironment", "TestRun", "TestStuck", "replay"]
