"""The window of the last frames: bounded in frames and bytes, and found by id while they are there."""

from __future__ import annotations

import json

from stellwerk_server.dispatch.frames import Frame, Window


def frames(first: int, count: int, size: int = 10) -> list[Frame]:
    return [Frame("event", str(number), b'"%b"' % (b"x" * size)) for number in range(first, first + count)]


def test_a_window_keeps_the_last_frames() -> None:
    window = Window(100, lambda: 1 << 20)
    window.begin("0")
    assert window.find("0") == 0
    for first in range(1, 2_001, 10):
        window.add(frames(first, 10))
    assert window.end == 2_000
    assert not window.holds(1_899)
    assert window.holds(1_900)
    assert [frame.id for frame in window.after(1_900, 1 << 20)] == [str(n) for n in range(1_901, 2_001)]
    assert window.after(2_000, 1 << 20) == []
    assert window.holds(2_000)
    assert window.find("1899") is None
    assert window.find("1901") == 1_901
    assert window.find("2000") == 2_000


def test_a_window_is_bounded_in_bytes_and_the_bound_may_shrink() -> None:
    most = [1 << 20]
    window = Window(1_000, lambda: most[0])
    window.add(frames(1, 500, 1_000))
    assert window.bytes <= 1 << 20
    most[0] = 10_000
    window.add(frames(501, 1, 1_000))
    assert window.bytes <= 10_000
    window.add(frames(502, 1, 20_000))
    assert window.bytes == 0
    assert window.holds(window.end)
    assert not window.holds(window.end - 1)


def test_a_page_has_at_least_one_frame() -> None:
    window = Window(100, lambda: 1 << 20)
    window.add(frames(1, 3, 1_000))
    assert len(window.after(0, 10)) == 1
    assert len(window.after(0, 2_100)) == 2


def test_both_forms_say_the_same_and_line_breaks_end_no_line() -> None:
    frame = Frame("event", "12;s:1:3", b'{"a":\r\n [1,\n2]}')
    lines = frame.sse.decode().split("\n")
    assert lines[:2] == ["id: 12;s:1:3", "event: event"]
    assert lines[3:] == ["", ""]
    assert json.loads(lines[2].removeprefix("data: ")) == {"a": [1, 2]}
    assert json.loads(frame.json) == {"event": "event", "id": "12;s:1:3", "data": {"a": [1, 2]}}
    assert frame.sse is frame.sse
