"""The WebSocket: live streams and states in one connection, each with a task that waits for its turn to send.

docs/http.md says what is spoken. Must not queue: what a client does not take stays where it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import orjson

from stellwerk_server.dispatch.following import Reader
from stellwerk_server.dispatch.frames import Frame
from stellwerk_server.model.errors import Exhausted, InvalidArgument, Problem, StellwerkError
from stellwerk_server.rpc import edge
from stellwerk_server.rpc.fields import Fields
from stellwerk_server.web import problems
from stellwerk_server.web.live_query import FeedQuery, Opening, RunQuery
from stellwerk_server.web.live_states import TOPICS, States
from stellwerk_server.web.query import read_query

MAX_SUBSCRIPTIONS = 100
MAX_MESSAGE_BYTES = 64 * 1024
_MAX_ID_CHARS = 100
# The id moves on this often also while a filter lets nothing through.
MARK_S = 15.0
STUCK_S = 60.0
_READY_S = 10.0
_FAREWELL_S = 1.0
_GOING_AWAY = 1001
_DRAINING = orjson.dumps({"reason": "DRAINING"})
# What is subscribed to -> the fields of the message and their types.
_FIELDS: dict[str, dict[str, type]] = {
    "run": {"run_id": str, "after": str, "chunks": bool},
    "events": {"after": str, "workflow": str, "types": list, "payloads": bool},
    **{topic: {} for topic in TOPICS},
}
_STREAMS = ("live run", "live events")
_KIND_NAMES = {str: "a text", bool: "true or false", list: "a list"}


class LiveSocket:
    """The ASGI endpoint."""

    def __init__(self, opening: Opening, states: States) -> None:
        self._opening = opening
        self._states = states

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        namespace = _namespace(scope)
        await receive()
        await send({"type": "websocket.accept"})
        connection = _Connection(namespace, self._opening, self._states, send)
        self._opening.live.hold(connection.end)
        try:
            with suppress(TimeoutError):
                await connection.listen(receive)
        finally:
            self._opening.live.let_go(connection.end)
            await connection.close()


class _Connection:
    """One client."""

    def __init__(self, namespace: str, opening: Opening, states: States, send: Any) -> None:
        self._namespace = namespace
        self._opening = opening
        self._states = states
        self._send = send
        self._sending = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ended = asyncio.Event()

    def end(self) -> None:
        """The connection ends: the server stops, or the client takes nothing."""
        self._ended.set()

    async def listen(self, receive: Callable[[], Awaitable[Any]]) -> None:
        """Take messages until the client goes, or does not take what it asked for."""
        ended = asyncio.create_task(self._ended.wait())
        try:
            while True:
                coming = asyncio.create_task(_receive(receive))
                await asyncio.wait({coming, ended}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    coming.cancel()
                    return await self._part()
                message = coming.result()
                if message["type"] == "websocket.disconnect":
                    return None
                await self._hear(message)
        finally:
            ended.cancel()

    async def _part(self) -> None:
        """Let the streams say their end, then close."""
        streams = [task for task in self._tasks.values() if task.get_name() in _STREAMS]
        if streams:
            await asyncio.wait(streams, timeout=_FAREWELL_S)
        async with asyncio.timeout(_FAREWELL_S), self._sending:
            await self._send({"type": "websocket.close", "code": _GOING_AWAY})

    async def close(self) -> None:
        """End all subscriptions."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _hear(self, message: Any) -> None:
        said: dict[str, Any] = {}
        try:
            said = _read(message)
            await self._do(said)
        except StellwerkError as error:
            id = said.get("id")
            await self._say(id if isinstance(id, str) else "", [_error(error)])

    async def _do(self, said: dict[str, Any]) -> None:
        if "unsubscribe" in said:
            _check(said, {"unsubscribe": str}, ())
            task = self._tasks.pop(said["unsubscribe"], None)
            if task is not None:
                task.cancel()
            return
        kind = said.get("subscribe")
        if not isinstance(kind, str) or kind not in _FIELDS:
            raise _invalid("subscribe", f"one of {', '.join(_FIELDS)}", kind)
        needed = ("id", "run_id") if kind == "run" else ("id",)
        _check(said, {"subscribe": str, "id": str, **_FIELDS[kind]}, needed)
        id = said["id"]
        if not 1 <= len(id) <= _MAX_ID_CHARS:
            raise _invalid("id", f"1 to {_MAX_ID_CHARS} characters", id)
        if id in self._tasks:
            raise _invalid("id", "one that no subscription has", id)
        if len(self._tasks) >= MAX_SUBSCRIPTIONS:
            raise Exhausted("TOO_MANY_SUBSCRIPTIONS", f"at most {MAX_SUBSCRIPTIONS} subscriptions a connection")
        self._tasks[id] = asyncio.create_task(self._serve(id, kind, said), name=f"live {kind}")

    async def _serve(self, id: str, kind: str, said: dict[str, Any]) -> None:
        """One subscription to its end."""
        try:
            if kind in TOPICS:
                await self._tell_state(id, kind)
            elif kind == "run":
                query = RunQuery(self._namespace, said["run_id"], said.get("after", ""), said.get("chunks", False))
                await self._tell_events(id, self._opening.run(query))
            else:
                wanted = FeedQuery(
                    self._namespace,
                    said.get("after", ""),
                    said.get("workflow", ""),
                    said.get("types", ()),
                    said.get("payloads", False),
                )
                await self._tell_events(id, self._opening.feed(wanted))
        except TimeoutError:
            # It takes nothing: no subscription can go on.
            self.end()
        except Exception as error:
            with suppress(TimeoutError):
                await self._say(id, [_error(edge.known_error(error))])
        finally:
            if self._tasks.get(id) is asyncio.current_task():
                del self._tasks[id]

    async def _tell_state(self, id: str, topic: str) -> None:
        look = self._states.look(self._namespace, topic)
        number = 0
        try:
            while True:
                state = await look.after(number)
                number = state.number
                await self._say(id, [b'{"event":"state","data":%b}' % state.data])
        finally:
            self._states.leave(look)

    async def _tell_events(self, id: str, opened: Awaitable[Any]) -> None:
        async with await opened as reader:
            await reader.ready(_READY_S)
            frames = [Frame("ready", reader.id)]
            told = reader.id
            while True:
                if frames:
                    await self._say(id, [frame.json for frame in frames], reader)
                    told = frames[-1].id
                    if frames[-1].event == "end":
                        return
                elif reader.draining:
                    await self._say(id, [Frame("end", reader.id, _DRAINING).json], reader)
                    return
                elif reader.id != told:
                    await self._say(id, [Frame("mark", reader.id).json], reader)
                    told = reader.id
                frames = await reader.next(MARK_S)

    async def _say(self, id: str, frames: Sequence[bytes], reader: Reader[Any] | None = None) -> None:
        """Send frames of one subscription; raises TimeoutError when the client takes nothing."""
        text = b'{"id":%b,"frames":[%b]}' % (orjson.dumps(id), b",".join(frames))
        try:
            async with asyncio.timeout(_FAREWELL_S if reader and reader.draining else STUCK_S) as patience:
                if reader is not None:
                    reader.on_drain = lambda: patience.reschedule(asyncio.get_running_loop().time() + _FAREWELL_S)
                async with self._sending:
                    await self._send({"type": "websocket.send", "text": text.decode()})
        finally:
            if reader is not None:
                reader.on_drain = None


async def _receive(receive: Callable[[], Awaitable[Any]]) -> Any:
    return await receive()


def _read(message: Any) -> dict[str, Any]:
    """The JSON object a message is."""
    raw = message.get("text") if message.get("text") is not None else message.get("bytes")
    content: bytes = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw or b""
    if len(content) > MAX_MESSAGE_BYTES:
        raise _invalid("message", f"at most {MAX_MESSAGE_BYTES} bytes", f"{len(content)} bytes")
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        problem = Problem("message", f"expected JSON: {error}")
        raise InvalidArgument([problem], reason="MALFORMED_JSON") from None
    if not isinstance(said, dict):
        raise _invalid("message", "a JSON object", said)
    return said


def _check(said: dict[str, Any], known: dict[str, type], needed: Sequence[str]) -> None:
    """Raise InvalidArgument for fields that are not known, missing or of another type."""
    fields = Fields()
    for name, value in said.items():
        if name not in known:
            fields.refuse(name, f"one of {', '.join(known)}", value)
        elif not isinstance(value, known[name]):
            fields.refuse(name, _KIND_NAMES[known[name]], value)
    for name in needed:
        if name not in said:
            fields.refuse(name, "a value", "nothing")
    fields.raise_if_any()


def _invalid(field: str, expected: str, came: object) -> InvalidArgument:
    fields = Fields()
    fields.refuse(field, expected, came)
    return InvalidArgument(fields.problems)


def _error(error: StellwerkError) -> bytes:
    return b'{"event":"error","data":%b}' % problems.body(error)


def _namespace(scope: Any) -> str:
    """The namespace of the connection; raises InvalidArgument for anything else in the query."""
    fields = Fields()
    namespace = ""
    for name, texts in read_query(scope).items():
        if name == "namespace":
            namespace = texts[-1]
        else:
            fields.refuse(name, "namespace", "a query parameter that is not known")
    namespace = fields.namespace(namespace)
    fields.raise_if_any()
    return namespace
