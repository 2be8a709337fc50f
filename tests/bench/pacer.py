"""The part that is a worker with a steady pace: so many steps a second, one after the other. Must not measure."""

import asyncio
import signal
from typing import Any

import uvloop

from stellwerk import Worker
from tests.bench.child import say, settings

ABREAST = 10


async def work(address: str, steps_per_s: float) -> None:
    worker = Worker(address, slots=ABREAST, drain_s=2.0)
    loop = asyncio.get_running_loop()
    due = loop.time()

    async def paced(given: Any) -> Any:
        nonlocal due
        due = max(due, loop.time() - 1.0) + 1 / steps_per_s
        await asyncio.sleep(due - loop.time())
        return given

    worker.register("bench.paced", paced)
    loop.add_signal_handler(signal.SIGTERM, worker.stop)
    say(worker_id=worker.worker_id)
    await worker.run()


if __name__ == "__main__":
    uvloop.run(work(**settings()))
