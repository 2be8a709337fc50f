"""Starts, in any order: by key and by request, in batches and at once from two servers, with a Redis that lies."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterable
from typing import Any

import redis
from hypothesis import strategies as st
from hypothesis.stateful import rule

from stellwerk.v1 import payload_pb2, run_pb2
from stellwerk_server.commit.outcome import Outcome, Started
from stellwerk_server.model import commands as c
from stellwerk_server.model import ids
from stellwerk_server.model.errors import Refused
from stellwerk_server.model.payload import from_value
from tests.model.servers import OTHER, Servers

PICK = st.integers(0, 11)
SERVER = st.integers(0, 1)
VALUE = st.integers(0, 3)
KEY = st.sampled_from([None, None, "k", "l"])
ONE_START = st.tuples(st.sampled_from(["diamond", "asks", "diamond"]), st.sampled_from(["", "m", "n"]), VALUE)

# The name of the workflow, the key and the value that makes the input.
_Start = tuple[str, str, int]


class Starting(Servers):
    """What clients do to have runs."""

    @rule(
        server=SERVER,
        workflow=PICK,
        key=KEY,
        value=VALUE,
        twice=st.booleans(),
        limit=st.sampled_from([None, None, 40.0]),
    )
    def start(self, server: int, workflow: int, key: str | None, value: int, twice: bool, limit: float | None) -> None:
        chosen = self.pick(workflow, self.workflows)
        fields: dict[str, Any] = {"idempotency_key": key, "digest": bytes([value])} if key else {}
        fields |= {"request_id": random.randbytes(16), "timeout_s": limit}
        commands = [self.servers[server].start_run(chosen, _input(value), **fields) for _ in range(1 + twice)]
        self.last_start = commands[0]
        for outcome in self.run(self.servers[server].submit(*commands)):
            self.started(commands[0], outcome)

    @rule(server=SERVER, value=VALUE, id=VALUE)
    def start_with_a_signal(self, server: int, value: int, id: int) -> None:
        """I13: told in the transaction that makes it."""
        asks = next(workflow for workflow in self.workflows if workflow.name == "asks")
        signal = c.Signal("go", str(id), from_value(["first", id]))
        outcome = self.submit(server, self.servers[server].start_run(asks, _input(value), signal=signal))
        assert isinstance(outcome, Started)
        self.runs.append(outcome.run_id)
        self.told_once[outcome.run_id, str(id)] = signal.payload

    @rule(server=SERVER)
    def start_again(self, server: int) -> None:
        """The same request, sent again by a client that heard nothing."""
        if self.last_start is None:
            return
        again = self.last_start._replace(run_id=self.servers[server].ids.next())
        self.started(again, self.submit(server, again))

    def started(self, command: c.StartRun, outcome: Outcome) -> None:
        """I1: one run a key; another input under it is refused."""
        place = (command.workflow.namespace, command.workflow.name, command.idempotency_key or "")
        known = self.keys.get(place) if command.idempotency_key else None
        if known is not None and known[1] != command.digest:
            assert isinstance(outcome, Refused)
            assert outcome.reason == "IDEMPOTENCY_KEY_REUSED"
            return
        assert isinstance(outcome, Started), outcome
        if known is not None:
            assert outcome.run_id == known[0]
        self._is_there(outcome.run_id, command.workflow.namespace, command.workflow.name, command.input)
        if command.idempotency_key:
            self.keys[place] = (outcome.run_id, command.digest)

    def _is_there(self, run: int, namespace: str, name: str, given: bytes) -> None:
        rows = self.database.rows("select workflow_id, input from runs where id = %s", run)
        assert rows
        workflow = next(w for w in self.workflows if w.id == rows[0]["workflow_id"])
        assert (workflow.namespace, workflow.name) == (namespace, name)
        assert json.loads(rows[0]["input"]) == json.loads(given)
        if run not in self.runs:
            self.runs.append(run)

    @rule(server=SERVER, foreign=st.booleans(), starts=st.lists(ONE_START, min_size=1, max_size=4))
    def start_many(self, server: int, foreign: bool, starts: list[_Start]) -> None:
        """The call StartRuns, each start with a verdict of its own, Redis asked first."""
        namespace = OTHER if foreign else "default"
        if foreign:
            starts = [("diamond", key, value) for _, key, value in starts]
        answers = self.run(self.fronts[server].start(namespace, [_request(*start) for start in starts]))
        self._all_answered(namespace, zip(starts, answers, strict=True))

    def _all_answered(self, namespace: str, answers: Iterable[tuple[_Start, run_pb2.StartRunResponse]]) -> None:
        """Those that made runs first: of starts at once, or in several commit lanes, any may have been the first."""
        for start, answer in sorted(answers, key=lambda each: (not each[1].run_id, each[1].deduplicated)):
            self._answered(namespace, start, answer)

    def _answered(self, namespace: str, start: _Start, answer: run_pb2.StartRunResponse) -> None:
        name, key, value = start
        place = (namespace, name, key)
        known = self.keys.get(place) if key else None
        if known is not None and known[1] != bytes([value]):
            assert answer.refusal.reason == "IDEMPOTENCY_KEY_REUSED", answer
            return
        run = ids.parse(answer.run_id)
        assert run is not None, answer
        assert answer.deduplicated == (known is not None)
        assert known is None or run == known[0]
        self._is_there(run, namespace, name, from_value(_input(value)))
        if key:
            self.keys[place] = (run, bytes([value]))

    @rule(first=VALUE, second=VALUE, key=st.sampled_from(["m", "n", "o", "p", "q"]))
    def start_at_once(self, first: int, second: int, key: str) -> None:
        """I1: one key from two servers at the same moment."""
        pairs = [("diamond", key, first), ("diamond", key, second)]

        async def both() -> list[list[run_pb2.StartRunResponse]]:
            calls = [front.start("default", [_request(*pair)]) for front, pair in zip(self.fronts, pairs, strict=True)]
            return list(await asyncio.gather(*calls))

        answers = [answer for (answer,) in self.run(both())]
        self._all_answered("default", zip(pairs, answers, strict=True))

    @rule(how=st.sampled_from(["flushed", "lies"]), number=PICK)
    def redis(self, how: str, number: int) -> None:
        """I1: what Redis forgets or says changes nothing; a lie is what it has under another key."""
        if self.redis_url is None:
            return
        with redis.Redis.from_url(self.redis_url) as client:
            names = sorted(client.scan_iter("stellwerk:key:*"))
            if how == "flushed" or len(names) < 2:
                client.flushall()
            else:
                said = client.get(names[number % len(names)])
                client.set(names[(number + 1) % len(names)], said or b"")


def _input(value: int) -> dict[str, Any]:
    return {"n": value, "items": list(range(value))}


def _request(name: str, key: str, value: int) -> run_pb2.StartRunRequest:
    given = payload_pb2.Payload(json=from_value(_input(value)).decode())
    return run_pb2.StartRunRequest(workflow=name, idempotency_key=key, input=given)
