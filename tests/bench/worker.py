"""The part that is the worker: the SDK's, with no-op handlers, until SIGTERM. Must not measure by itself.

node/worker.mjs and java's BenchWorker are its twins; nothing else than this is needed of them:
- The one argument is JSON: `address`, `slots`, `polls`, `tell_every`; `uvloop` is Python's. No variables.
- Actions on queue "default": `bench.noop` gives its input, `bench.split` a list of input["items"] times ITEM,
  `bench.join` {"items": length of its input}. The drain time is 2 s.
- Workflows, of code: `code-seq3` three `bench.noop` steps one after the other, `local-seq3` three local steps (`run`,
  async), each with the output of the one before; `code-long` input["steps"] times `bench.noop`; `code-sleep` sleeps
  for input["seconds"].
- Once it works it says one line on stdout, flushed: {"worker_id": text, "at_s": monotonic seconds}.
- With `tell_every` n > 0, each n-th `bench.noop` says {"handled": so many, "at_s": …}, so that a drain can be timed
  without asking the server. Nothing else goes to stdout.
- The end of stdin is a SIGTERM (stop, drain, exit 0), so that no worker outlives the bench.
"""

import asyncio
import signal
import time
from functools import partial
from typing import Any

import uvloop

from stellwerk import Worker, WorkflowContext
from tests.bench.child import say, settings

ITEM = {"hello": "world", "n": 1, "text": "a" * 70}


class Handlers:
    """The actions of every workload."""

    def __init__(self, tell_every: int) -> None:
        self._tell_every = tell_every
        self._handled = 0

    async def noop(self, given: Any) -> Any:
        self._handled += 1
        if self._tell_every and self._handled % self._tell_every == 0:
            say(handled=self._handled, at_s=time.monotonic())
        return given

    async def split(self, given: Any) -> Any:
        return [ITEM] * given["items"]

    async def join(self, given: Any) -> Any:
        return {"items": len(given)}


def make(given: dict[str, Any]) -> Worker:
    handlers = Handlers(given["tell_every"])
    worker = Worker(given["address"], slots=given["slots"], polls=given["polls"], drain_s=2.0)
    worker.register("bench.noop", handlers.noop)
    worker.register("bench.split", handlers.split)
    worker.register("bench.join", handlers.join)
    worker.register_workflow("code-seq3", code_seq3)
    worker.register_workflow("local-seq3", local_seq3)
    worker.register_workflow("code-long", code_long)
    worker.register_workflow("code-sleep", code_sleep)
    return worker


async def code_seq3(ctx: WorkflowContext, given: Any) -> Any:
    for _ in range(3):
        given = await ctx.step("bench.noop", given)
    return given


async def local_seq3(ctx: WorkflowContext, given: Any) -> Any:
    for _ in range(3):
        given = await ctx.run("noop", partial(same, given))
    return given


async def same(given: Any) -> Any:
    return given


async def code_long(ctx: WorkflowContext, given: Any) -> None:
    for _ in range(given["steps"]):
        await ctx.step("bench.noop", ITEM)


async def code_sleep(ctx: WorkflowContext, given: Any) -> None:
    await ctx.sleep(given["seconds"])


async def work(worker: Worker) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    say(worker_id=worker.worker_id, at_s=time.monotonic())
    await worker.run()


if __name__ == "__main__":
    given = settings()
    (uvloop.run if given["uvloop"] else asyncio.run)(work(make(given)))
