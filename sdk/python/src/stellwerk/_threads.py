"""Threads for sync handlers, cheap for short ones: a thread that wakes takes all there is to do.

Must not keep the interpreter alive: the threads are daemons, a stuck handler does not hold up an exit.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class ThreadPool(Generic[T]):
    """Runs `work(item)` for each submitted item in up to `size` threads, begun as they are needed.

    A thread wakes the next one only when it has taken an item and more are waiting. So no-op handlers
    are all done by one or two threads without a switch for each, and blocking ones never hold up others.
    """

    def __init__(self, work: Callable[[T], None], size: int, name: str) -> None:
        self._work = work
        self._size = size
        self._name = name
        self._items: deque[T] = deque()
        self._tokens: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waking = False
        self._idle = 0
        self._begun = 0

    def submit(self, item: T) -> None:
        """Run `work(item)` in a thread; returns at once."""
        self._items.append(item)
        self._wake()

    def close(self) -> None:
        """Let idle threads end; busy ones end after what they do."""
        for _ in range(self._begun):
            self._tokens.put(False)

    def _wake(self) -> None:
        """At most one thread is being woken at any time; it looks at the items after it is awake."""
        if self._waking:
            return
        with self._lock:
            if self._waking:
                return
            self._waking = True
            begin = not self._idle and self._begun < self._size
            self._begun += begin
        self._tokens.put(True)
        if begin:
            name = f"{self._name}-{self._begun}"
            threading.Thread(target=self._serve, name=name, daemon=True).start()

    def _serve(self) -> None:
        while self._next_token():
            while self._items:
                try:
                    item = self._items.popleft()
                except IndexError:
                    break
                if self._items:
                    self._wake()
                self._work(item)
                del item

    def _next_token(self) -> bool:
        with self._lock:
            self._idle += 1
        more = self._tokens.get()
        with self._lock:
            self._idle -= 1
            self._waking = False
        return more
