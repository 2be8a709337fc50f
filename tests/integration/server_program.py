"""A server in a program of its own, to be killed: `server_program.py DATABASE_URL REDIS_URL PORT`.

It says its port in a line on its standard output, and drains at SIGTERM."""

import asyncio
import signal
import sys

from stellwerk_server.config import Config
from stellwerk_server.server import Server


async def main(database_url: str, redis_url: str, port: str) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    config = Config(database_url=database_url, redis_url=redis_url, port=int(port), http_port=0, lease_s=2.0)
    server = await Server.start(config)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    await stopping.wait()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
