"""CPU and memory of processes from /proc, children included. Linux only; must not start or stop anything."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
KIB_PER_MIB = 1024


def cpu_s(pid: int) -> float:
    """User and system seconds of a process, of its living children and of those it has reaped."""
    fields = _stat(pid)
    own = sum(int(field) for field in fields[11:15])
    return own / TICKS_PER_S + sum(cpu_s(child) for child in _children(pid))


def rss_mib(pid: int) -> float:
    """Resident memory with the children; what they share (Postgres's buffers) counts once."""
    sizes = [_memory_kib(each) for each in [pid, *_children(pid)]]
    private = sum(size.get("RssAnon", 0) for size in sizes)
    shared = [max(size.get(name, 0) for size in sizes) for name in ("RssShmem", "RssFile")]
    return (private + sum(shared)) / KIB_PER_MIB


def threads_cpu_s(pid: int) -> dict[str, float]:
    """CPU seconds by the name of the thread; the main thread is "main"."""
    found: dict[str, float] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            head, _, tail = (task / "stat").read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        name = "main" if task.name == str(pid) else head.partition("(")[2]
        fields = tail.split()
        found[name] = found.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / TICKS_PER_S
    return found


def busy_s() -> float:
    """Seconds all cores together have been busy, with whatever."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_S


@dataclass(frozen=True)
class Meter:
    """The processes of a measurement by their part."""

    pids: dict[str, int]

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds of each part so far."""
        return {part: cpu_s(pid) for part, pid in self.pids.items()}

    def look(self) -> "Look":
        """CPU and time now, one end of a window."""
        return Look(self.cpu_s(), busy_s(), time.monotonic())

    def rss_mib(self) -> dict[str, float]:
        """Resident memory of each part now."""
        return {part: round(rss_mib(pid), 1) for part, pid in self.pids.items()}


@dataclass(frozen=True)
class Look:
    """What was used until a moment."""

    parts_s: dict[str, float]
    busy_s: float
    at_s: float

    def us_per_step(self, before: "Look", steps: int) -> dict[str, float]:
        """CPU microseconds a step of each part since then, and in total."""
        used_s = self._since(before)
        each = {part: round(seconds / max(steps, 1) * 1e6, 1) for part, seconds in used_s.items()}
        return {**each, "total": round(sum(each.values()), 1)}

    def percent_of_a_core(self, before: "Look") -> dict[str, float]:
        """CPU of each part since then, and in total."""
        window_s = self.at_s - before.at_s
        each = {part: round(seconds / window_s * 100, 2) for part, seconds in self._since(before).items()}
        return {**each, "total": round(sum(each.values()), 2)}

    def others_percent(self, before: "Look") -> int:
        """CPU of everybody else on this machine, in percent of a core: how quiet it was."""
        ours_s = sum(self._since(before).values())
        return max(0, round((self.busy_s - before.busy_s - ours_s) / (self.at_s - before.at_s) * 100))

    def _since(self, before: "Look") -> dict[str, float]:
        return {part: seconds - before.parts_s[part] for part, seconds in self.parts_s.items()}


def _stat(pid: int) -> list[str]:
    """The fields behind the name; index 11 is utime. Zeros for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["0"] * 20


def _children(pid: int) -> list[int]:
    """Of every thread: whichever started it is the one that lists it."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        try:
            found += [int(child) for child in (thread / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _memory_kib(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name: int(rest.split()[0]) for name, _, rest in (x.partition(":") for x in lines) if name.startswith("Rss")}
