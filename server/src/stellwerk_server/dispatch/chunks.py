"""Streamed chunks: many streams, one writer, natural batches. Acknowledged when durable, refused without the lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import NamedTuple

from stellwerk_server.model.errors import Refused, StellwerkError, Unavailable, draining
from stellwerk_server.model.payload import Payload
from stellwerk_server.model.token import Token
from stellwerk_server.store import sql
from stellwerk_server.store.arrays import Byteas, Int4s, Int8s, Texts, Uuids
from stellwerk_server.store.database import GONE, Pool

SQL = sql.load("dispatch")
_MAX_BATCH = 1_000
# Chunks a stream may have under way; the reader waits beyond that, which holds the worker back.
_MAX_UNDER_WAY = 256

Parsed = tuple[bytes, int, tuple[Token, Payload] | StellwerkError]
_Answers = asyncio.Queue[tuple[bytes, int, asyncio.Future[StellwerkError | None]] | StellwerkError | None]


class Answer(NamedTuple):
    """Up to where a token's chunks are durable, or why they are not."""

    token: bytes
    sequence: int
    error: StellwerkError | None


class _Waiting(NamedTuple):
    token: Token
    sequence: int
    chunk: Payload
    done: asyncio.Future[StellwerkError | None]


class Chunks:
    """Appends chunks for all streams of this instance. `changed` is told the runs that have new ones."""

    def __init__(self, pool: Pool, changed: Callable[[Iterable[int]], None]) -> None:
        self._pool = pool
        self._changed = changed
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._readers: set[asyncio.Task[None]] = set()
        self._draining = False

    async def serve(self, requests: AsyncIterator[Parsed]) -> AsyncIterator[Answer]:
        """Answer each chunk of one stream in order."""
        answers: _Answers = asyncio.Queue(_MAX_UNDER_WAY)
        reader = asyncio.create_task(self._read(requests, answers), name="chunks in")
        self._readers.add(reader)
        try:
            while (answer := await answers.get()) is not None:
                if isinstance(answer, StellwerkError):
                    raise answer
                token, sequence, done = answer
                error = await done
                if isinstance(error, Unavailable):
                    # Nothing is wrong with the chunk: the worker opens the stream anew and sends it again.
                    raise error
                yield Answer(token, sequence, error)
        finally:
            self._readers.discard(reader)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def streamed(self, tokens: Sequence[Token]) -> set[Token]:
        """Those of whose attempts there are chunks."""
        columns = {
            "runs": Int8s([token.run_id for token in tokens]),
            "steps": Texts([token.step for token in tokens]),
            "attempts": Int4s([token.attempt for token in tokens]),
        }
        async with self._pool.connection() as connection:
            found = set(await (await connection.execute(SQL.streamed, columns, binary=True)).fetchall())
        return {token for token in tokens if (token.run_id, token.step, token.attempt) in found}

    def drain(self) -> None:
        """End the streams once what they brought is answered."""
        self._draining = True
        for reader in self._readers:
            reader.cancel()

    async def _read(self, requests: AsyncIterator[Parsed], answers: _Answers) -> None:
        """Queue an answer for each request, and last why there are no more."""
        end: StellwerkError | None = None
        try:
            async for token, sequence, parsed in requests:
                await answers.put((token, sequence, self._append(sequence, parsed)))
        except StellwerkError as error:
            end = error
        except asyncio.CancelledError:
            if not self._draining:
                raise
            end = draining()
        await answers.put(end)

    def _append(
        self, sequence: int, parsed: tuple[Token, Payload] | StellwerkError
    ) -> asyncio.Future[StellwerkError | None]:
        done: asyncio.Future[StellwerkError | None] = asyncio.get_running_loop().create_future()
        if isinstance(parsed, StellwerkError):
            done.set_result(parsed)
            return done
        self._waiting.append(_Waiting(*_order(parsed, sequence), done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(), name="chunks")
        return done

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MAX_BATCH], self._waiting[_MAX_BATCH:]
            try:
                current = await self._insert(batch)
            except GONE as error:
                away = Unavailable("DATABASE_DOWN", f"the database did not answer: {error}")
                _answer_all(batch, away)
                continue
            except Exception as error:
                _answer_all(batch, StellwerkError("INTERNAL", f"chunks could not be stored: {error}"))
                continue
            for waiting in batch:
                held = (waiting.token.run_id, waiting.token.step, waiting.token.secret) in current
                if not waiting.done.done():
                    waiting.done.set_result(None if held else _lease_lost(waiting.token))
            self._changed({waiting.token.run_id for waiting in batch})

    async def _insert(self, batch: list[_Waiting]) -> set[tuple[int, str, bytes]]:
        leases = {
            "runs": Int8s([w.token.run_id for w in batch]),
            "steps": Texts([w.token.step for w in batch]),
            "tokens": Uuids([w.token.secret for w in batch]),
        }
        chunks = {"seqs": Int8s([w.sequence for w in batch]), "payloads": Byteas([w.chunk for w in batch])}
        async with self._pool.connection() as connection:
            cursor = await connection.execute(SQL.append_chunks, {**leases, **chunks}, binary=True)
            return set(await cursor.fetchall())


def _order(parsed: tuple[Token, Payload], sequence: int) -> tuple[Token, int, Payload]:
    return parsed[0], sequence, parsed[1]


def _answer_all(batch: list[_Waiting], error: StellwerkError) -> None:
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_result(error)


def _lease_lost(token: Token) -> Refused:
    return Refused("LEASE_LOST", f"step {token.step}, attempt {token.attempt}: its lease is not current")
