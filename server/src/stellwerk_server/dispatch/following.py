"""One reader of the tables for all who follow the same stream: new frames are read and encoded once, and wake them.

Who has fallen behind reads the tables at his own pace until he is back. Nothing is held for anybody but his position.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from stellwerk_server.dispatch.frames import Frame, Window
from stellwerk_server.model.errors import Unavailable
from stellwerk_server.store.database import GONE

logger = logging.getLogger(__name__)
# A window has at most so many frames.
WINDOW_FRAMES = 4_096
# What a reader takes at once; one frame may be larger.
TAKEN_BYTES = 128 * 1024
_AGAIN_S = 0.5
_EARLY_S = 0.001
# After a look the follower rests: a burst of commits is one look, and waking many readers leaves time for the rest.
_REST_S, _REST_S_PER_READER, _REST_S_MAX = 0.005, 0.0001, 0.1


class Position(Protocol):
    """How far a reader has come; its id says it to the client."""

    @property
    def id(self) -> str:
        """The text that leads back here."""


P = TypeVar("P", bound=Position)


class Page(NamedTuple, Generic[P]):
    """What comes after a position: frames, where they lead, whether there is more, and the stream's last frame."""

    frames: Sequence[Frame]
    position: P
    more: bool
    end: Frame | None = None


class Source(Protocol[P]):
    """Where a stream is read."""

    async def begin(self) -> P:
        """Where a follower begins."""

    async def read(self, position: P, until: P | None) -> Page[P]:
        """What comes next; with `until` not beyond that position, which must not lie before `position`."""

    async def resume(self, id: str) -> P:
        """The position of an id this source gave."""


class Follower(Generic[P]):
    """Follows one source while it has readers."""

    def __init__(self, source: Source[P], most_bytes: Callable[[], int], limit: asyncio.Semaphore) -> None:
        self.source = source
        self.window = Window(WINDOW_FRAMES, most_bytes)
        self.position: P | None = None
        self.end: Frame | None = None
        # How many of those behind may read the tables at once.
        self.limit = limit
        self._readers: set[Reader[P]] = set()
        self._poked = asyncio.Event()
        self._poked.set()
        # Looks begun and done, so that somebody can wait for one that began after something happened.
        self._begun = self._done = 0
        self._round: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def followed(self) -> bool:
        """Whether anybody reads."""
        return bool(self._readers)

    def poke(self) -> None:
        """There may be something new."""
        self._poked.set()

    def join(self, reader: Reader[P]) -> None:
        """One more reads."""
        self._readers.add(reader)
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name="live events")

    def leave(self, reader: Reader[P]) -> None:
        """One less reads; with the last one the follower ends."""
        self._readers.discard(reader)
        if not self._readers and self._task is not None:
            self._task.cancel()
            self._task = None

    def wake_all(self) -> None:
        """Have all readers look again."""
        for reader in self._readers:
            reader.wake()

    async def look_again(self) -> None:
        """Return when a look that began after this call is over."""
        awaited = self._begun + 1
        self.poke()
        while self._done < awaited and self.end is None:
            if self._round is None:
                self._round = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._round)

    async def _follow(self) -> None:
        while self.end is None:
            await self._poked.wait()
            self._poked.clear()
            try:
                await self._look()
            except GONE as error:
                logger.debug("live events: %s", error)
                await self._try_again()
            except Exception:
                logger.exception("live events: a look failed")
                await self._try_again()
            await asyncio.sleep(min(_REST_S_MAX, _REST_S + _REST_S_PER_READER * len(self._readers)))

    async def _try_again(self) -> None:
        await asyncio.sleep(_AGAIN_S)
        self.poke()

    async def _look(self) -> None:
        begun = self._begun = self._begun + 1
        if self.position is None:
            self.position = await self.source.begin()
            self.window.begin(self.position.id)
        more = True
        while more and self.end is None:
            page = await self.source.read(self.position, None)
            self.position, more, self.end = page.position, page.more, page.end
            self.window.add(page.frames)
            if page.frames or self.end:
                self.wake_all()
        self._done = begun
        if self._round is not None:
            self._round.set_result(None)
            self._round = None


class Reader(Generic[P]):
    """One who follows. `wanted` says which frames he is given; the others only move his id on."""

    def __init__(self, follower: Follower[P], position: P | None, wanted: Callable[[Frame], bool] | None) -> None:
        self.draining = False
        # Called when the server stops, for who is busy with what he was given.
        self.on_drain: Callable[[], object] | None = None
        self._follower = follower
        self._wanted = wanted
        self._woken = asyncio.Event()
        self._id = "" if position is None else position.id
        # Where he is: either a number of the window, or a position that goes through the tables up to a mark.
        self._number: int | None = None
        self._position = position
        self._mark: tuple[P, int] | None = None

    @property
    def id(self) -> str:
        """The id to go on behind what was given, or passed over."""
        follower = self._follower
        if self._number is not None and self._number == follower.window.end and follower.position is not None:
            # The follower may have passed what is told to nobody.
            return follower.position.id
        return self._id

    def wake(self) -> None:
        """Look again."""
        self._woken.set()

    def drain(self) -> None:
        """The server stops: nothing more is given."""
        self.draining = True
        self.wake()
        if self.on_drain is not None:
            self.on_drain()

    async def ready(self, patience_s: float) -> None:
        """Return when it is known where the stream begins; raises Unavailable when the database does not say."""
        try:
            async with asyncio.timeout(patience_s):
                while not self._id:
                    await self._follower.look_again()
                    if self._follower.position is not None:
                        self._id = self._follower.position.id
                        self._number = self._follower.window.end
        except TimeoutError:
            raise Unavailable("DATABASE_DOWN", "the database did not say where the stream begins") from None

    async def next(self, patience_s: float) -> list[Frame]:
        """The frames that come next, as many as are there; [] when none came in time, or the server stops."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + patience_s
        # Cheaper than a timeout around it all, and there may be thousands of us.
        alarm = loop.call_at(end_s, self._woken.set)
        try:
            while not self.draining:
                self._woken.clear()
                there = self._number is not None
                found = self._of_window() if there else await self._catch_up_until(end_s)
                if given := self._given(found):
                    return given
                # The alarm may ring a little early by the loop's clock.
                if loop.time() > end_s - _EARLY_S:
                    return []
                if there and not found and self._number is not None:
                    await self._woken.wait()
            return []
        finally:
            alarm.cancel()

    def _of_window(self) -> Sequence[Frame]:
        """The next frames of the window; () when there are none yet, or it is no longer where we are."""
        window, number = self._follower.window, self._number
        assert number is not None
        if not window.holds(number):
            self._number = None
            return ()
        found = window.after(number, TAKEN_BYTES)
        self._number = number + len(found)
        if not found and self._follower.end is not None:
            return [self._follower.end]
        return found

    async def _catch_up_until(self, end_s: float) -> Sequence[Frame]:
        try:
            async with asyncio.timeout_at(end_s):
                return await self._catch_up()
        except TimeoutError:
            return ()

    def _given(self, found: Sequence[Frame]) -> list[Frame]:
        if found:
            self._id = found[-1].id
        return list(found) if self._wanted is None else [frame for frame in found if self._wanted(frame)]

    async def _catch_up(self) -> Sequence[Frame]:
        """A page of what the window no longer has; joins it where it can."""
        follower = self._follower
        if self._joins():
            return ()
        if self._mark is None:
            # What we have seen may be newer than what this instance has: another one may have told us.
            await follower.look_again()
            if self._joins():
                return ()
            assert follower.position is not None
            self._mark = follower.position, follower.window.end
        try:
            async with follower.limit:
                return await self._read(*self._mark)
        except GONE as error:
            logger.debug("live events: %s", error)
            await asyncio.sleep(_AGAIN_S)
            return ()

    async def _read(self, until: P, number: int) -> Sequence[Frame]:
        """The next page of the tables, at most up to where the window went on with that number."""
        follower = self._follower
        if self._position is None:
            self._position = await follower.source.resume(self._id)
        page = await follower.source.read(self._position, until)
        self._position, self._id = page.position, page.position.id
        if not page.more:
            self._mark = None
            if follower.window.holds(number):
                self._join(number)
        return page.frames

    def _joins(self) -> bool:
        """Go on in the window when it has our id."""
        number = self._follower.window.find(self._id)
        if number is None or not self._follower.window.holds(number):
            return False
        self._join(number)
        return True

    def _join(self, number: int) -> None:
        self._number = number
        self._position = self._mark = None
