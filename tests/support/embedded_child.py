"""A program to be killed: starts the embedded servers of a folder, says so in a line of JSON, and waits.

It ends in good order when its standard input does. Must only import what the embedded servers need."""

import json
import sys
import threading
from pathlib import Path

from stellwerk_server.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedValkey


def start(folder: Path, servers: list[EmbeddedPostgres | EmbeddedValkey], told: dict[str, object]) -> None:
    try:
        postgres = EmbeddedPostgres.start(folder, settings={"fsync": "off"})
        servers.append(postgres)
        valkey = EmbeddedValkey.start(folder)
        servers.append(valkey)
    except EmbeddedError as error:
        told.update(error=str(error))
        return
    told.update(postgres=postgres.pid, dsn=postgres.dsn, valkey=valkey.pid, url=valkey.url)


def main(folder: Path) -> None:
    servers: list[EmbeddedPostgres | EmbeddedValkey] = []
    told: dict[str, object] = {}
    starter = threading.Thread(target=start, args=(folder, servers, told))
    starter.start()
    starter.join()  # this thread is gone now, and must not have taken its servers along
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    for server in servers:
        server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
