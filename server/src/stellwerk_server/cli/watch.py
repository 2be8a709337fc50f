"""Follows a run to its end: a live tree on a terminal, plain lines anywhere else, or JSON lines.

The tree shows snapshots of the run; events only say when to take the next one. Must not change the run.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from stellwerk import Chunk, Event, Run, RunHandle, Step, StepState
from stellwerk_server.cli import describe
from stellwerk_server.cli.output import STATE_STYLES, Output, plain, short, took

# Snapshots: at least this often, never oftener, and never more than a tenth of the time for a large run.
_SLOWEST_S, _FASTEST_S, _SHARE = 1.0, 0.15, 0.1
_CHUNKS_SHOWN = 5
_ITEMS_SHOWN = 4
_ITEM = re.compile(r"(?P<step>.+)\[\d+\]")
_OVER = frozenset({StepState.SUCCEEDED, StepState.FAILED, StepState.SKIPPED, StepState.CANCELLED, StepState.DEAD})


async def follow(handle: RunHandle, out: Output, *, end: bool = True) -> Run:
    """Show the run until it has ended, and with `end` how; gives the run as it ended."""
    if out.as_json:
        await _as_json(handle, out)
    elif out.console.is_terminal and not out.console.is_dumb_terminal:
        await _as_tree(handle, out)
    else:
        await Lines(out).follow(handle)
    run = await handle.get()
    if out.as_json:
        out.document({"run": run})
    elif end:
        out.console.print(_ending(run), soft_wrap=True)
    return run


async def _as_json(handle: RunHandle, out: Output) -> None:
    async for item in handle.watch():
        out.document({"chunk" if isinstance(item, Chunk) else "event": item})


async def _as_tree(handle: RunHandle, out: Output) -> None:
    chunks: deque[Chunk] = deque(maxlen=_CHUNKS_SHOWN)
    news = asyncio.Event()
    run = await handle.get(include_steps=True)
    with Live(tree(run, chunks), console=out.console, refresh_per_second=10) as live:
        reading = asyncio.create_task(_read(handle, chunks, news))
        try:
            while not reading.done():
                began = time.monotonic()
                run = await handle.get(include_steps=True)
                live.update(tree(run, chunks))
                await asyncio.sleep(max(_FASTEST_S, (time.monotonic() - began) / _SHARE))
                await _next_news(news)
            await reading
        finally:
            reading.cancel()
        live.update(tree(await handle.get(include_steps=True), chunks))


async def _read(handle: RunHandle, chunks: deque[Chunk], news: asyncio.Event) -> None:
    try:
        async for item in handle.watch():
            if isinstance(item, Chunk):
                chunks.append(item)
            news.set()
    finally:
        news.set()


async def _next_news(news: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_SLOWEST_S):
            await news.wait()
    except TimeoutError:
        return
    news.clear()


def tree(run: Run, chunks: deque[Chunk]) -> RenderableType:
    """The run as a tree of its steps, with the newest chunks below it."""
    root = Tree(Group(describe.head(run), *describe.about(run)), guide_style="dim")
    branch, shown = root, 0
    for step in run.steps:
        if not describe.is_item(step):
            branch, shown = root.add(_step_line(step)), 0
        elif step.state is not StepState.SUCCEEDED and step.state is not StepState.READY and shown < _ITEMS_SHOWN:
            shown += 1
            branch.add(_step_line(step))
    return Group(root, *(_chunk_text(chunk) for chunk in chunks))


def _step_line(step: Step) -> RenderableType:
    line = Table.grid(padding=(0, 2, 0, 0))
    name = Text(plain(step.step), style="bold" if step.state not in _OVER else "")
    cells: list[RenderableType] = [_mark(step), name, describe.state_text(step.state)]
    if step.items:
        cells.append(ProgressBar(step.items, step.items_finished, width=30))
    if step.attempt > 1:
        cells.append(Text(f"attempt {step.attempt} of {step.max_attempts}", style="yellow"))
    cells.append(Text(describe.note(step), style="red" if step.state in (StepState.FAILED, StepState.DEAD) else "dim"))
    cells.append(Text(took(step.start_time or step.ready_time, step.end_time), style="dim"))
    line.add_row(*cells)
    return line


def _mark(step: Step) -> RenderableType:
    if step.state is StepState.LEASED or (step.items and step.state not in _OVER):
        return Spinner("dots", style="cyan")
    return Text(_MARKS.get(step.state, "·"), style=STATE_STYLES.get(step.state, ""))


_MARKS = {StepState.SUCCEEDED: "✓", StepState.FAILED: "✗", StepState.DEAD: "✗", StepState.SKIPPED: "-"}


class Lines:
    """One line for each event; the items of a foreach and their chunks are thinned out, failures never."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._items: dict[str, _Count] = {}
        self._chunk_at = 0.0

    async def follow(self, handle: RunHandle) -> None:
        """Print until the run has ended."""
        async for item in handle.watch():
            self.show(item)

    def show(self, item: Event | Chunk) -> None:
        """Print one event or chunk, or leave it out."""
        if isinstance(item, Chunk):
            self._chunk(item)
        else:
            self._event(item)

    def _chunk(self, chunk: Chunk) -> None:
        if time.monotonic() - self._chunk_at > _SLOWEST_S or not _ITEM.fullmatch(chunk.step):
            self._chunk_at = time.monotonic()
            self._out.line(f"{to_the_millisecond(chunk.time)}  ", _chunk_text(chunk))

    def _event(self, event: Event) -> None:
        if event.type == "STEP_EXPANDED" and isinstance(event.payload, list):
            self._items[event.step] = _Count(len(event.payload))
            self._say(event, f"{len(event.payload)} items")
            return
        item = _ITEM.fullmatch(event.step)
        if item is None or event.failure is not None:
            self._say(event, _event_note(event))
        if item is not None and event.type in _ITEM_OVER and (count := self._items.get(item["step"])):
            count.finished += 1
            if count.is_worth_saying():
                stamp = to_the_millisecond(event.time)
                self._out.line(f"{stamp}  {item['step']}: {count.finished} of {count.items} items")

    def _say(self, event: Event, note: str) -> None:
        what = event.type.removeprefix("STEP_") if event.step else event.type
        name = plain(event.step) or event.type.partition("_")[0].lower()
        what = what.removeprefix("RUN_")
        self._out.line(f"{to_the_millisecond(event.time)}  {name}  ", describe.state_text(what), f"  {note}".rstrip())


_ITEM_OVER = frozenset({"STEP_SUCCEEDED", "STEP_FAILED", "STEP_DEAD", "STEP_SKIPPED"})


class _Count:
    """How many items of a foreach have finished."""

    def __init__(self, items: int) -> None:
        self.items = items
        self.finished = 0

    def is_worth_saying(self) -> bool:
        """True about ten times, and at the end."""
        return self.finished == self.items or self.finished % max(self.items // 10, 1) == 0


def _event_note(event: Event) -> str:
    parts = [f"attempt {event.attempt}"] if event.attempt and event.attempt > 1 else []
    if event.failure is not None:
        parts.append(describe.failure_line(event.failure))
    if event.start_time is not None:
        parts.append(took(event.start_time, event.time))
    if event.attributes:
        parts.append(short(event.attributes))
    return "  ".join(parts)


def _chunk_text(chunk: Chunk) -> Text:
    return Text.assemble((f"{plain(chunk.step)} › ", "dim"), short(chunk.value))


def _ending(run: Run) -> Text:
    if run.state.terminal and run.failure is None and not run.continued_as:
        return Text.assemble(describe.state_text(run.state), f" {describe.value(run.output)}")
    return Text.assemble(describe.state_text(run.state), " ", describe.end(run))


def to_the_millisecond(moment: datetime | None) -> str:
    """The time of day in UTC."""
    return "-" if moment is None else moment.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]
