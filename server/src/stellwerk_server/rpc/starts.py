"""Starts: from requests to commands, with the answers of duplicates that need no command."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import NamedTuple

from stellwerk.v1 import run_pb2
from stellwerk_server.commit.committer import Committer
from stellwerk_server.commit.outcome import Outcome, Started
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.dispatch.duplicates import Duplicates, Key, Known
from stellwerk_server.model import payload as payloads
from stellwerk_server.model.commands import Signal, SignalRun, StartRun
from stellwerk_server.model.definition import MAX_SPAN_S
from stellwerk_server.model.errors import InvalidArgument, Problem, StellwerkError
from stellwerk_server.model.ids import IdSource
from stellwerk_server.model.payload import Payload
from stellwerk_server.rpc import convert, names, wire
from stellwerk_server.rpc.signals import signal_in


class _Item(NamedTuple):
    command: StartRun
    key: Key | None


class Starter:
    """Checks and submits starts; one MGET and one transaction for a whole batch."""

    def __init__(
        self, committer: Committer, workflows: Workflows, duplicates: Duplicates, ids: IdSource, max_payload_bytes: int
    ) -> None:
        self._committer = committer
        self._workflows = workflows
        self._duplicates = duplicates
        self._ids = ids
        self._limit = max_payload_bytes

    async def start(self, namespace: str, requests: Sequence[run_pb2.StartRunRequest], path: str) -> list[Outcome]:
        """The outcome of each start, in order; `path` is how fields are named, with {} for the place."""
        outcomes: list[Outcome | None] = [None] * len(requests)
        items: dict[int, _Item] = {}
        for place, request in enumerate(requests):
            try:
                items[place] = await self._item(namespace, request, path.format(place))
            except StellwerkError as error:
                outcomes[place] = error
        signals = {place: item.command.signal for place, item in items.items() if item.command.signal is not None}
        await self._answer_known(items, outcomes)
        committed = await self._committer.submit_all([item.command for item in items.values()])
        fresh = []
        for (place, item), outcome in zip(items.items(), committed, strict=True):
            outcomes[place] = outcome
            if item.key is not None and isinstance(outcome, Started) and outcome.expires_at:
                fresh.append((item.key, outcome.run_id, outcome.expires_at))
        await self._duplicates.remember(fresh)
        if signals:
            await self._tell_known(signals, outcomes)
        return [outcome for outcome in outcomes if outcome is not None]

    async def _answer_known(self, items: dict[int, _Item], outcomes: list[Outcome | None]) -> None:
        keyed = [(place, item.key) for place, item in items.items() if item.key is not None]
        if not keyed:
            return
        known = await self._duplicates.find([key for _, key in keyed])
        for (place, key), entry in zip(keyed, known, strict=True):
            # Another input under the same key is refused by the row itself, with all that is to be said.
            if isinstance(entry, Known) and entry.digest == key.digest:
                outcomes[place] = Started(entry.run_id, True)
                del items[place]

    async def _tell_known(self, signals: dict[int, Signal], outcomes: list[Outcome | None]) -> None:
        """A start that found its run there still has its signal to deliver; a new run took it with its start."""
        late: dict[int, SignalRun] = {}
        for place, signal in signals.items():
            outcome = outcomes[place]
            if isinstance(outcome, Started) and outcome.deduplicated:
                late[place] = SignalRun(outcome.run_id, signal)
        for place, told in zip(late, await self._committer.submit_all(list(late.values())), strict=True):
            if isinstance(told, StellwerkError):
                outcomes[place] = told

    async def _item(self, namespace: str, request: run_pb2.StartRunRequest, path: str) -> _Item:
        if not request.workflow:
            raise InvalidArgument([Problem(f"{path}workflow", "expected the name of a workflow, came none")])
        names.check_text(f"{path}workflow", request.workflow, 200)
        names.check_text(f"{path}idempotency_key", request.idempotency_key, 512)
        workflow = await self._workflows.find(namespace, request.workflow, request.version)
        value = convert.read_payload(request.input, f"{path}input", self._limit)
        if workflow.definition.check_input is not None:
            problems = workflow.definition.check_input(payloads.to_value(value))
            if problems:
                raise InvalidArgument([Problem(path + where, what) for where, what in problems], "INPUT_MISMATCH")
        signal = None
        if request.HasField("signal"):
            signal = signal_in(request.signal, request.request_id, f"{path}signal", self._limit)
        key, digest = None, b""
        if request.idempotency_key:
            digest = _digest(value)
            key = Key(workflow.namespace_id, workflow.name, request.idempotency_key, digest)
        command = StartRun(
            self._ids.next(),
            workflow,
            value,
            request.idempotency_key or None,
            digest,
            _request_id(request.request_id) if request.request_id and key is None else None,
            _timeout_s(request, path),
            wire.trace_in(request.trace) if request.trace else None,
            signal=signal,
        )
        return _Item(command, key)


def _timeout_s(request: run_pb2.StartRunRequest, path: str) -> float | None:
    if not request.HasField("timeout"):
        return None
    seconds = wire.seconds_in(request.timeout)
    if not 0 < seconds <= MAX_SPAN_S:
        raise InvalidArgument(
            [Problem(f"{path}timeout", f"expected more than 0 s, at most 10 years, came {seconds:g} s")]
        )
    return seconds


def _request_id(text: str) -> bytes:
    """16 bytes of any text; a UUID is itself, so that time-ordered ones stay in order."""
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        return hashlib.sha256(text.encode()).digest()[:16]


def _digest(value: Payload) -> bytes:
    """What "the same input" means: equal as JSON, whatever the order of keys and the white space."""
    if payloads.is_json(value):
        canonical = json.dumps(json.loads(value), sort_keys=True, separators=(",", ":")).encode()
    else:
        canonical = value
    return hashlib.sha256(canonical).digest()
