"""A worker program of workflows that are code: it dies, once, at the wait that a run's input names.

Run with its queue, a folder and its build. Must not know what a test expects of it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from stellwerk import StepFailed, TerminalError, Worker, WorkflowContext

QUEUE, FOLDER, BUILD = sys.argv[1:4] if __name__ == "__main__" else ("default", "", "b1")


def _die(ctx: WorkflowContext, at: int, place: int) -> None:
    if at != place or not FOLDER:
        return
    try:
        (Path(FOLDER) / ctx.run_id).touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), 9)


async def everything(ctx: WorkflowContext, at: int) -> Any:
    """A command of each kind, with a place to die after each."""
    found = [await ctx.step("echo", 1, queue=QUEUE)]
    _die(ctx, at, 1)
    found.append(await ctx.run("local", lambda: 2))
    _die(ctx, at, 2)
    await ctx.sleep(0.01)
    _die(ctx, at, 3)
    found.append(await ctx.child("python_child", 3))
    _die(ctx, at, 4)
    found += await asyncio.gather(ctx.step("echo", 4, queue=QUEUE), ctx.run("local", lambda: 5))
    _die(ctx, at, 5)
    try:
        await ctx.step("declines", queue=QUEUE)
    except StepFailed as error:
        found.append(error.type)
    _die(ctx, at, 6)
    try:
        async with asyncio.timeout(0.01):
            await ctx.wait_signal("never")
    except TimeoutError:
        found.append("late")
    _die(ctx, at, 7)
    ctx.publish("found", found)
    ctx.set_attributes({"at": at})
    found.append(await ctx.wait_signal("go"))
    _die(ctx, at, 8)
    return found


async def child(ctx: WorkflowContext, number: int) -> int:
    """Gives what it gets."""
    return number


async def undoes(ctx: WorkflowContext) -> None:
    """Waits until it is cancelled."""
    try:
        await ctx.wait_signal("never")
    except asyncio.CancelledError:
        await ctx.step("echo", "undone", queue=QUEUE)
        raise


async def counts(ctx: WorkflowContext, left: int) -> Any:
    """Goes on as a new run so many times."""
    if left:
        ctx.continue_as_new(left - 1)
    return await ctx.wait_signal("word")


async def builds(ctx: WorkflowContext) -> str:
    """Does something else in build b2."""
    await ctx.step("echo", BUILD, queue=QUEUE, name="other" if BUILD == "b2" else "first")
    await ctx.wait_signal("go")
    return BUILD


async def echo(value: Any) -> Any:
    """Gives what it gets."""
    return value


def declines(value: Any) -> None:
    """Fails for good."""
    raise TerminalError("declined", type="Declined")


def main() -> None:
    """Work until SIGTERM."""
    worker = Worker(queue=QUEUE, build=BUILD)
    worker.register("echo", echo)
    worker.register("declines", declines)
    for name, function in (
        ("python_everything", everything),
        ("python_child", child),
        ("python_undoes", undoes),
        ("python_counts", counts),
        ("python_builds", builds),
    ):
        worker.register_workflow(name, function)
    worker.start()


if __name__ == "__main__":
    main()
