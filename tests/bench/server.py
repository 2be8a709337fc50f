"""The part that is the server: on uvloop, until SIGTERM. Says its port. Must not do anything else."""

import asyncio
import gc
import logging
import signal

import uvloop

from stellwerk_server.config import Config
from stellwerk_server.server import Server
from tests.bench.child import say, settings


async def serve(config: Config) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    server = await Server.start(config)
    gc.freeze()
    say(port=server.port)
    await ended.wait()
    await server.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    uvloop.run(serve(Config(port=0, drain_s=5.0, **settings())))
