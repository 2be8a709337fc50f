"""Which starts of a batch are new: the unique rows of idempotency keys and request ids decide, nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from stellwerk_server.commit.outcome import Started
from stellwerk_server.commit.rows import SQL
from stellwerk_server.model import commands as c
from stellwerk_server.model import ids
from stellwerk_server.model.errors import Refused
from stellwerk_server.model.events import Instant
from stellwerk_server.store.arrays import Byteas, Int4s, Int8s, Texts, Uuids

_Key = tuple[int, str, str]


class Starts:
    """The keys and request ids of one batch, and which runs they already belong to."""

    def __init__(self, commands: list[c.Command]) -> None:
        self._keyed: dict[_Key, c.StartRun] = {}
        self._requested: dict[tuple[int, bytes], c.StartRun] = {}
        self._owners: dict[_Key, tuple[int, bytes, Instant]] = {}
        self._won: dict[_Key, Instant] = {}
        self._requests: dict[tuple[int, bytes], int] = {}
        self._moved: dict[_Key, int] = {}
        for command in commands:
            if not isinstance(command, c.StartRun):
                continue
            if command.idempotency_key is not None:
                self._keyed.setdefault(_key(command), command)
            if command.request_id is not None:
                self._requested.setdefault((command.workflow.namespace_id, command.request_id), command)

    async def ask(self, execute: Callable[..., Awaitable[Any]], ttl_s: float) -> tuple[Any, Any, Any]:
        """Queue the statements; keys are taken in order, so that two batches never wait for each other."""
        claimed = read = requests = None
        if self._keyed:
            keys = sorted(self._keyed)
            places = _places(keys)
            owners = {
                "runs": Int8s([self._keyed[k].run_id for k in keys]),
                "digests": Byteas([self._keyed[k].digest for k in keys]),
                "ttl_s": ttl_s,
            }
            claimed = await execute(SQL.claim_keys, {**places, **owners})
            read = await execute(SQL.read_keys, places)
        if self._requested:
            columns = {"requests": Uuids([request for _, request in self._requested])}
            requests = await execute(SQL.read_requests, columns)
        return claimed, read, requests

    async def read(self, cursors: tuple[Any, Any, Any]) -> None:
        """Take the answers in."""
        claimed, read, requests = cursors
        if claimed is not None:
            for namespace, workflow, key, expires_at in await claimed.fetchall():
                self._won[namespace, workflow, key] = expires_at
            for namespace, workflow, key, run_id, digest, expires_at in await read.fetchall():
                self._owners[namespace, workflow, key] = (run_id, digest, expires_at)
        if requests is not None:
            for namespace, request, run_id in await requests.fetchall():
                self._requests[namespace, request] = run_id

    async def write(self, execute: Callable[..., Awaitable[Any]]) -> None:
        """Queue what the answers have changed of the keys."""
        if self._moved:
            await execute(SQL.move_keys, {**_places(list(self._moved)), "runs": Int8s(self._moved.values())})

    def known(self, command: c.StartRun) -> Started | None:
        """The answer when the run is there already; None when this command makes it. Raises Refused on other input."""
        if command.request_id is None:
            return self._owner(command)
        request = (command.workflow.namespace_id, command.request_id)
        run_id = self._requests.get(request)
        if run_id is not None:
            self._move_key(command, run_id)
            return Started(run_id, True)
        known = self._owner(command)
        self._requests[request] = command.run_id if known is None else known.run_id
        return known

    def _owner(self, command: c.StartRun) -> Started | None:
        if command.idempotency_key is None:
            return None
        key = _key(command)
        run_id, digest, expires_at = self._owners.get(key) or self._first(key)
        if digest != command.digest:
            raise Refused(
                "IDEMPOTENCY_KEY_REUSED",
                f"idempotency_key: {command.idempotency_key!r} belongs to {ids.show(run_id)}, which has another input",
                run_id=ids.show(run_id),
                idempotency_key=command.idempotency_key,
            )
        return None if run_id == command.run_id else Started(run_id, True, expires_at)

    def expires_at(self, command: c.StartRun) -> Instant:
        """Until when the key of a new run holds; 0 without a key."""
        return self._won.get(_key(command), 0) if command.idempotency_key is not None else 0

    def _move_key(self, command: c.StartRun, run_id: int) -> None:
        """A start that was sent before took its key anew, which had expired: the key names the run that is there."""
        key = None if command.idempotency_key is None else _key(command)
        if key in self._won and self._owners[key][0] == command.run_id:
            self._owners[key] = (run_id, command.digest, self._won[key])
            self._moved[key] = run_id

    def _first(self, key: _Key) -> tuple[int, bytes, Instant]:
        first = self._keyed[key]
        return first.run_id, first.digest, self._won.get(key, 0)


def _key(command: c.StartRun) -> _Key:
    assert command.idempotency_key is not None
    return command.workflow.namespace_id, command.workflow.name, command.idempotency_key


def _places(keys: list[_Key]) -> dict[str, Any]:
    return {
        "namespaces": Int4s([k[0] for k in keys]),
        "workflows": Texts([k[1] for k in keys]),
        "keys": Texts([k[2] for k in keys]),
    }
