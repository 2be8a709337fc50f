"""Encoded frames of live events, and the window of the last ones that all readers of a stream share. Reads nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

# What a frame takes up besides its data; a guess, on the safe side.
_FRAME_BYTES = 400
# Readers stay where they are while so many frames before them are dropped together.
_DROPPED_TOGETHER = 256


class Frame:
    """One frame: what it is, the id to go on behind it, its data as JSON. Each form is made once, for all readers."""

    __slots__ = ("_json", "_sse", "data", "event", "id", "type", "workflow")

    def __init__(self, event: str, id: str, data: bytes = b"{}", type: str = "", workflow: str = "") -> None:
        self.event = event
        self.id = id
        # A line break in JSON stands between tokens only, and would end the line of an event stream.
        self.data = data.replace(b"\n", b" ").replace(b"\r", b" ")
        self.type = type
        self.workflow = workflow
        self._sse = b""
        self._json = b""

    @property
    def sse(self) -> bytes:
        """The frame of an event stream."""
        if not self._sse:
            self._sse = b"id: %b\nevent: %b\ndata: %b\n\n" % (self.id.encode(), self.event.encode(), self.data)
        return self._sse

    @property
    def json(self) -> bytes:
        """The frame as a JSON object; ids hold nothing that JSON would escape."""
        if not self._json:
            self._json = b'{"event":"%b","id":"%b","data":%b}' % (self.event.encode(), self.id.encode(), self.data)
        return self._json

    @property
    def size(self) -> int:
        """What it takes up, with the form that is sent."""
        return 2 * len(self.data) + 2 * len(self.id) + _FRAME_BYTES


class Window:
    """The last frames of a stream. Each has a number; those of the oldest ones are no longer there."""

    def __init__(self, most_frames: int, most_bytes: Callable[[], int]) -> None:
        self._most_frames = most_frames
        self._most_bytes = most_bytes
        self._frames: list[Frame | None] = []
        # The number of _frames[0], and of the first frame that is still there.
        self._base = 0
        self._first = 0
        self._bytes = 0
        # Where a reader goes on that has come to this id.
        self._places: dict[str, int] = {}

    @property
    def end(self) -> int:
        """The number the next frame will have."""
        return self._base + len(self._frames)

    @property
    def bytes(self) -> int:
        """What the frames take up."""
        return self._bytes

    def begin(self, id: str) -> None:
        """A reader that has come to this id goes on here."""
        self._places[id] = self.end

    def add(self, frames: Sequence[Frame]) -> None:
        """Append frames; the oldest go."""
        for frame in frames:
            self._frames.append(frame)
            self._bytes += frame.size
            self._places[frame.id] = self.end
        most_bytes = self._most_bytes()
        while self._first < self.end and (self._bytes > most_bytes or self.end - self._first > self._most_frames):
            self._drop()
        if self._first - self._base > _DROPPED_TOGETHER:
            del self._frames[: self._first - self._base]
            self._base = self._first

    def find(self, id: str) -> int | None:
        """Where a reader goes on that has come to `id`; None when that is not here."""
        return self._places.get(id)

    def holds(self, number: int) -> bool:
        """Whether a reader that wants this frame next can be served from here."""
        return self._first <= number <= self.end

    def after(self, number: int, most_bytes: int) -> list[Frame]:
        """The frames from this number on, at least one if there are any."""
        found: list[Frame] = []
        size = 0
        for frame in self._frames[number - self._base : number - self._base + self._most_frames]:
            assert frame is not None
            size += len(frame.data)
            if found and size > most_bytes:
                break
            found.append(frame)
        return found

    def _drop(self) -> None:
        place = self._first - self._base
        frame = self._frames[place]
        assert frame is not None
        self._frames[place] = None
        self._bytes -= frame.size
        self._first += 1
        # Ids of positions before what is still here.
        for id in [id for id, number in self._oldest() if number < self._first]:
            del self._places[id]

    def _oldest(self) -> list[tuple[str, int]]:
        """The first entries of the places, which are in the order of their numbers."""
        found: list[tuple[str, int]] = []
        for entry in self._places.items():
            found.append(entry)
            if entry[1] >= self._first:
                break
        return found
