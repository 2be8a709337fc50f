"""The pool of sync handlers: nothing is lost, nothing waits behind a blocked thread, threads are few."""

from __future__ import annotations

import threading
from typing import Any

from stellwerk._threads import ThreadPool


def test_every_item_is_done_once_however_many_submit() -> None:
    done: list[int] = []
    all_done = threading.Event()

    def work(item: int) -> None:
        done.append(item)
        if len(done) == 8_000:
            all_done.set()

    pool: ThreadPool[int] = ThreadPool(work, 16, "test")
    submitters = [
        threading.Thread(target=lambda base=base: [pool.submit(base + n) for n in range(2_000)])
        for base in range(0, 8_000, 2_000)
    ]
    for thread in submitters:
        thread.start()
    assert all_done.wait(20)
    assert sorted(done) == list(range(8_000))
    pool.close()


def test_a_blocked_item_holds_up_no_other() -> None:
    release, others = threading.Event(), threading.Barrier(6, timeout=10)

    def work(item: Any) -> None:
        release.wait(20) if item == "blocked" else others.wait()

    pool: ThreadPool[Any] = ThreadPool(work, 10, "test")
    pool.submit("blocked")
    for n in range(5):
        pool.submit(n)
    others.wait()  # all five run at the same time as the blocked one
    release.set()
    pool.close()


def test_short_items_take_far_fewer_threads_than_there_are_items() -> None:
    names: set[str] = set()
    done = threading.Semaphore(0)

    def work(item: int) -> None:
        names.add(threading.current_thread().name)
        done.release()

    pool: ThreadPool[int] = ThreadPool(work, 100, "test")
    for n in range(100):
        pool.submit(n)
    for _ in range(100):
        assert done.acquire(timeout=10)
    assert len(names) <= 50
    pool.close()
