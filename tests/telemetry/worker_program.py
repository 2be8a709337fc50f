"""A traced worker whose handlers make spans and start runs of their own: `worker_program.py`.

It is told where the server is, and where spans go, by the environment alone."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

from stellwerk import Client, RetryableError, TaskContext, Worker


def marked(name: str) -> None:
    """A span of the user's own, a child of whatever is current."""
    from opentelemetry import trace  # as user code would: not before the SDK has set it up

    with trace.get_tracer("user").start_as_current_span(name):
        pass


def _log_tasks() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("run=%(run_id)s step=%(step)s attempt=%(attempt)s trace=%(trace_id)s;"))
    logger = logging.getLogger("stellwerk.task")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def main() -> None:
    worker = Worker(queue="traced", worker_id="traced-worker")
    _log_tasks()

    @worker.handler("plain")
    async def plain(value: Any, ctx: TaskContext) -> Any:
        await asyncio.sleep(0)
        marked(f"user {ctx.step}")
        ctx.logger.info("seen")
        return {"trace": dict(ctx.trace)}

    @worker.handler("threaded")
    def threaded(value: Any, ctx: TaskContext) -> Any:
        marked(f"user {ctx.step}")
        return value

    @worker.handler("chunks")
    async def chunks(value: Any, ctx: TaskContext) -> AsyncIterator[Any]:
        marked(f"user {ctx.step}")
        yield 1
        marked(f"user {ctx.step}")

    @worker.handler("chunks_threaded")
    def chunks_threaded(value: Any, ctx: TaskContext) -> Iterator[Any]:
        marked(f"user {ctx.step}")
        yield 1
        marked(f"user {ctx.step}")

    @worker.handler("flaky")
    async def flaky(value: Any, ctx: TaskContext) -> Any:
        if ctx.attempt <= 2:
            raise RetryableError("not yet", retry_after=0.01)
        return value

    @worker.handler("fails")
    async def fails(value: Any) -> Any:
        raise ValueError("never")

    @worker.handler("starts")
    async def starts(value: Any) -> Any:
        async with Client() as client:
            return (await client.start(value)).run_id

    @worker.handler("starts_threaded")
    def starts_threaded(value: Any) -> Any:
        return asyncio.run(starts(value))

    @worker.handler("hold")
    async def hold(value: Any) -> None:
        await asyncio.Event().wait()

    worker.start()


if __name__ == "__main__":
    main()
