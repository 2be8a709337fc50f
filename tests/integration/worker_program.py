"""A real SDK worker in a program of its own, to be killed and frozen: `worker_program.py PORT WORKER_ID`.

It says each task it begins in a line on its standard output."""

import asyncio
import sys

from stellwerk import TaskContext, Worker


def main(port: str, worker_id: str) -> None:
    worker = Worker(f"127.0.0.1:{port}", worker_id=worker_id)

    @worker.handler("hold")
    async def hold(_: object, ctx: TaskContext) -> None:
        sys.stdout.write(f"{ctx.run_id}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    worker.start()


if __name__ == "__main__":
    main(*sys.argv[1:])
