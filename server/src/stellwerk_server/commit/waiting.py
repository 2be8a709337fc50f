"""Who waits for what: polls by lane. Several workers on a lane take turns, so that a burst is spread over them."""

from __future__ import annotations

from collections import deque

from stellwerk_server.commit.poll import Poll


class Waiting:
    """The open polls of this instance. A poll stands in the queue of each lane it serves until it is answered."""

    def __init__(self) -> None:
        self._lanes: dict[int, deque[Poll]] = {}

    def add(self, poll: Poll) -> None:
        """Let the poll wait on all its lanes."""
        for lane in poll.lanes:
            self._lanes.setdefault(lane, deque()).append(poll)

    def remove(self, poll: Poll) -> None:
        """The poll is answered or gone."""
        for lane in poll.lanes:
            queue = self._lanes.get(lane)
            if queue is None:
                continue
            if poll in queue:
                queue.remove(poll)
            if not queue:
                del self._lanes[lane]

    def reserve(self, lane: int, prefer: str | None = None) -> Poll | None:
        """A poll with room for one more task of the lane, with the room taken; None when nobody waits.

        One of the worker `prefer` is taken first, any other when that has none.
        """
        queue = self._lanes.get(lane)
        if queue is None:
            return None
        if prefer is not None:
            for poll in queue:
                if poll.worker == prefer and poll.free > 0 and poll.open:
                    poll.reserve()
                    return poll
        for _ in range(len(queue)):
            poll = queue[0]
            if poll.free > 0 and poll.open:
                poll.reserve()
                self._take_turns(queue, poll)
                return poll
            queue.rotate(-1)
        return None

    def lanes(self) -> list[int]:
        """The lanes somebody waits on."""
        return list(self._lanes)

    def with_room(self) -> list[int]:
        """The lanes on which somebody takes at least one task more."""
        return [lane for lane in self._lanes if self.room(lane)]

    def room(self, lane: int) -> list[Poll]:
        """The open polls of the lane that take at least one task more."""
        return [poll for poll in self._lanes.get(lane, ()) if poll.free > 0 and poll.open]

    def all(self) -> list[Poll]:
        """Every open poll, once."""
        return list(dict.fromkeys(poll for queue in self._lanes.values() for poll in queue))

    @staticmethod
    def _take_turns(queue: deque[Poll], poll: Poll) -> None:
        # Polls of one worker are filled one after the other (fewer, fuller answers); other workers get their turn.
        if len(queue) > 1 and any(other.worker != poll.worker for other in (queue[1], queue[-1])):
            queue.rotate(-1)
