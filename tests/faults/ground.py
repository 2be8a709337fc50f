"""What is broken: Postgres and Valkey, two servers, a proxy before each, workers of three languages; all started again.

Postgres commits durably (synchronous_commit) but without fsync: here only programs die, never the machine.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from stellwerk_server.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedValkey
from stellwerk_server.store.migrate import migrate
from tests.faults.children import ROOT, Child, Command
from tests.faults.proxy import HOST, Proxy
from tests.support.servers import clean_environment

HERE = Path(__file__).parent
LEASE_S = 3.0
SERVERS = 2
NAMESPACES = {"alpha": "a", "beta": "b"}
# Name, language, namespace.
WORKERS = (
    ("python-1", "python", "alpha"),
    ("python-2", "python", "beta"),
    ("node-1", "node", "alpha"),
    ("node-2", "node", "beta"),
    ("java-1", "java", "alpha"),
)
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "80",
    "shared_buffers": "64MB",
    "checkpoint_timeout": "60s",
    "max_wal_size": "512MB",
    "min_wal_size": "64MB",
}
DISK_MIB = 6_144
JAVA = ("sdk/java/target/classes", "sdk/java/target/lib/*", "tests/faults/workers/java/target/classes")
NEEDED = {
    "python": (),
    "node": ("sdk/node/dist",),
    "java": ("sdk/java/target/classes", "tests/faults/workers/java/target/classes"),
}
COMMANDS = {
    "python": lambda: [sys.executable, str(HERE / "workers/python/worker.py")],
    "node": lambda: ["node", str(HERE / "workers/node/worker.mjs")],
    "java": lambda: [
        *("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx256m"),
        *("-cp", ":".join(str(ROOT / place) for place in JAVA), "io.stellwerk.faults.FaultsWorker"),
    ],
}


def languages_here() -> list[str]:
    """Those whose SDK and worker are built."""
    return [name for name, parts in NEEDED.items() if all((ROOT / part).exists() for part in parts)]


@dataclass
class Ground:
    """All that runs. `died` hears of ends nobody here asked for."""

    folder: Path
    languages: list[str]
    died: Callable[[Child, int], None]
    # Where Postgres has its data; a tmpfs of a size of its own where the system lets us mount one.
    disk: Path = field(init=False)
    mounted: bool = False
    servers: list[Child] = field(default_factory=list)
    workers: list[Child] = field(default_factory=list)
    proxies: list[Proxy] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    # Seconds by which the clock of a server's next life is wrong.
    skew_s: dict[str, float] = field(default_factory=dict)
    dsn: str = ""
    postgres: EmbeddedPostgres = field(init=False)
    valkey: EmbeddedValkey = field(init=False)
    # Set while Postgres takes connections.
    postgres_up: asyncio.Event = field(default_factory=asyncio.Event)
    _keepers: list[asyncio.Task[None]] = field(default_factory=list)
    _stopping: bool = False

    async def up(self) -> None:
        """Start everything."""
        self.disk = self.folder / "disk"
        self.disk.mkdir(parents=True)
        self.mounted = mount(self.disk)
        self.disk.chmod(0o755)
        (self.folder / "logs").mkdir()
        await asyncio.to_thread(self._databases)
        self.postgres_up.set()
        migrate(self.dsn)
        self._keepers = [asyncio.create_task(self._keep_postgres()), asyncio.create_task(self._keep_valkey())]
        self.ports = free_ports(SERVERS * 2)
        for number in range(SERVERS):
            self._add_server(number)
        for number in range(SERVERS):
            own, other = self.ports[number * 2], self.ports[(number + 1) % SERVERS * 2]
            self.proxies.append(Proxy([own, other]))
            await self.proxies[number].up()

    def start_workers(self) -> None:
        """Start those whose language is built."""
        for number, (name, language, namespace) in enumerate(WORKERS):
            if language in self.languages:
                self._add_worker(number, name, language, namespace)

    async def down(self) -> None:
        """End everything; nothing stays."""
        self._stopping = True
        await asyncio.gather(*(child.stop() for child in [*self.workers, *self.servers]))
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for proxy in self.proxies:
            await proxy.close()
        for embedded in ("valkey", "postgres"):
            if hasattr(self, embedded):
                await asyncio.to_thread(getattr(self, embedded).stop)
        if self.mounted:
            unmount(self.disk)

    async def serving(self, server: Child) -> None:
        """Return once something listens on its port."""
        port = self.ports[self.servers.index(server) * 2]
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(HOST, port)
                writer.close()
                return
            await asyncio.sleep(0.05)

    def _databases(self) -> None:
        self.valkey = EmbeddedValkey.start(self.folder / "redis", settings={"appendonly": "no"})
        self.postgres = EmbeddedPostgres.start(self.disk, settings=SETTINGS)
        self.dsn = self.postgres.dsn

    def _add_server(self, number: int) -> None:
        name, port = f"server-{number + 1}", self.ports[number * 2]
        argv = [sys.executable, "-m", "stellwerk_server.cli", "serve", "--no-migrate", "--json"]
        argv += ["--port", str(port), "--http-port", str(self.ports[number * 2 + 1]), "--lease", str(LEASE_S)]
        argv += ["--drain", "3", "--log-level", "warning"]

        def command(_life: int) -> Command:
            told = {"STELLWERK_DATABASE_URL": self.dsn, "STELLWERK_REDIS_URL": self.valkey.url}
            if skew_s := self.skew_s.get(name):
                told |= {"PYTHONPATH": str(HERE / "skew"), "STELLWERK_TEST_SKEW_S": str(skew_s)}
            return Command(argv, clean_environment(told))

        child = Child(name, command, self._log(name), allowed=self._database_up, died=self.died)
        self.servers.append(child)
        child.start()

    def _add_worker(self, number: int, name: str, language: str, namespace: str) -> None:
        def command(life: int) -> Command:
            told = {
                "STELLWERK_ADDRESS": f"{HOST}:{self.proxies[number % SERVERS].port}",
                "STELLWERK_NAMESPACE": namespace,
                "FAULTS_WORKER": name,
                "FAULTS_LIFE": str(life),
                "FAULTS_TAINT": NAMESPACES[namespace],
                "FAULTS_LEASE_S": str(LEASE_S),
                "FAULTS_LEDGER": str(self.folder / f"effects-{name}.{life}.jsonl"),
            }
            return Command(COMMANDS[language](), clean_environment(told))

        child = Child(name, command, self._log(name), allowed=_at_once, died=self.died)
        self.workers.append(child)
        child.start()

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    async def _database_up(self) -> None:
        await self.postgres_up.wait()

    async def _keep_postgres(self) -> None:
        """Start Postgres again on its data and port whenever it is gone."""
        while not self._stopping:
            if self.postgres.running:
                await asyncio.sleep(0.02)
                continue
            self.postgres_up.clear()
            with suppress(EmbeddedError, OSError):
                self.postgres = await asyncio.to_thread(
                    EmbeddedPostgres.start, self.disk, settings=SETTINGS, port=self.postgres.port, patience_s=20.0
                )
                self.postgres_up.set()
                continue
            await asyncio.sleep(0.2)

    async def _keep_valkey(self) -> None:
        while not self._stopping:
            if self.valkey.running:
                await asyncio.sleep(0.05)
                continue
            with suppress(EmbeddedError, OSError):
                self.valkey = await asyncio.to_thread(
                    EmbeddedValkey.start, self.folder / "redis", settings={"appendonly": "no"}
                )

    def kill_postgres(self, *, all_at_once: bool) -> int:
        """Kill -9 the postmaster; with all its children, too, when asked. Gives its pid."""
        pid = self.postgres.pid
        self.postgres_up.clear()
        if all_at_once:
            os.kill(pid, signal.SIGSTOP)  # it must not see them die
            for child in children_of(pid):
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        return pid


async def _at_once() -> None:
    """Nothing to wait for."""


def children_of(pid: int) -> list[int]:
    """The pids of a program's children."""
    with suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, and that no connection of ours gets by chance: outside of the ephemeral range."""
    found: list[int] = []
    candidate = 20_000 + os.getpid() % 10_000
    while len(found) < count:
        candidate += 1
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, candidate))
            found.append(candidate)
    return found


def mount(folder: Path, mib: int = DISK_MIB) -> bool:
    """A tmpfs there; False where we may not."""
    if shutil.which("mount") is None or os.geteuid() != 0:
        return False
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=755", "stellwerk-faults", str(folder)],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def resize(folder: Path, mib: int) -> bool:
    """Make the tmpfs that large; it cannot get smaller than what it holds."""
    done = subprocess.run(["mount", "-o", f"remount,size={mib}m", str(folder)], capture_output=True, check=False)
    return done.returncode == 0


def unmount(folder: Path) -> None:
    """Take the tmpfs away, data and all."""
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)
