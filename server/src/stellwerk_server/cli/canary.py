"""`stellwerk canary`: every so often one run of everything against a live cluster, checked and told.

It knows the cluster from outside only: what it does any client and any worker could do.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from stellwerk import Client, RunHandle, TaskContext
from stellwerk_server.cli.command import command
from stellwerk_server.cli.output import Output
from stellwerk_server.cli.own_worker import working
from stellwerk_server.cli.problems import FAILED, CliError, facts_of

QUEUE = "stellwerk-canary"
ECHO, STUMBLE = "stellwerk.canary.echo", "stellwerk.canary.stumble"
# A task, a retry, a list, a sleep and a signal; it ends by itself when the canary does not come back to it.
WORKFLOW: dict[str, Any] = {
    "name": "stellwerk-canary",
    "timeout": "2m",
    "steps": [
        {"id": "echo", "action": ECHO, "queue": QUEUE, "needs": []},
        {"id": "retry", "action": STUMBLE, "queue": QUEUE, "needs": ["echo"], "retry": {"initial": "50ms"}},
        {"id": "each", "action": ECHO, "queue": QUEUE, "needs": ["echo"], "foreach": "${[input.n, input.n + 1]}"},
        {"id": "nap", "sleep": "100ms", "needs": ["echo"]},
        {"id": "told", "signal": "go", "needs": ["retry", "each", "nap"]},
    ],
    "output": "${[steps.echo.output.n, steps.retry.output.n, steps.each.output, steps.told.output]}",
}
_SPREAD_S = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0)


class Wrong(CliError):
    """The cluster answered, and not what it should have."""


@dataclass(frozen=True)
class Check:
    """How one check went."""

    time: datetime
    ok: bool
    took_s: float
    run_id: str = ""
    error: str = ""


class Figures:
    """What a scrape is told; docs/telemetry.md has the names."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram  # only who needs it pays

        registry = self.registry = CollectorRegistry()
        self._up = Gauge("stellwerk_canary_up", "Whether the last check went well.", registry=registry)
        self._checks = Counter("stellwerk_canary_checks", "Checks by outcome.", ["outcome"], registry=registry)
        self._took = Histogram("stellwerk_canary_seconds", "Good checks.", buckets=_SPREAD_S, registry=registry)
        for outcome in ("ok", "failed"):
            self._checks.labels(outcome)

    def note(self, check: Check) -> None:
        """Count a check."""
        self._up.set(check.ok)
        self._checks.labels("ok" if check.ok else "failed").inc()
        if check.ok:
            self._took.observe(check.took_s)


def add_to(app: typer.Typer) -> None:
    """Put the command on the top level."""
    command(app, "canary")(canary)


async def canary(
    client: Client,
    out: Output,
    every: Annotated[float, typer.Option(min=1, max=86_400, help="seconds from one check to the next")] = 30.0,
    within: Annotated[float, typer.Option(min=1, max=100, help="seconds after which a check has failed")] = 20.0,
    checks: Annotated[int, typer.Option(min=0, help="how many; 0: until stopped")] = 0,
    metrics_host: Annotated[str, typer.Option(help="address of the metrics")] = "127.0.0.1",
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="serve /metrics for Prometheus here; 0 takes a free one")
    ] = None,
) -> int:
    """Run a sanity workflow every 30 s against a live cluster; exits with 1 when the last check failed.

    It has a worker of its own on the queue stellwerk-canary. A line a check goes to stdout.
    """
    # That attempts fail, and that a server is away, is told by the checks.
    logging.getLogger("stellwerk").setLevel(logging.CRITICAL)
    figures = Figures()
    check = None
    with _serving(figures, metrics_host, metrics_port, out):
        async with working(client, QUEUE, _handlers(), drain_s=1.0):
            number = 0
            while checks == 0 or number < checks:
                number += 1
                began_s = time.monotonic()
                check = await _check(client, within)
                figures.note(check)
                out.result(check, _line(check))
                if number != checks:
                    await asyncio.sleep(max(0.0, began_s + every - time.monotonic()))
    return 0 if check is not None and check.ok else FAILED


@contextlib.contextmanager
def _serving(figures: Figures, host: str, port: int | None, out: Output) -> Iterator[None]:
    if port is None:
        yield
        return
    from prometheus_client import start_http_server

    try:
        server, thread = start_http_server(port, host, figures.registry)
    except OSError as error:
        raise CliError(f"cannot listen on {host}:{port}: {error.strerror} (--metrics-port names another one)") from None
    where = f"http://{host}:{server.server_port}/metrics"
    out.result({"event": "ready", "metrics": where}, f"metrics at {where}")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handlers() -> dict[str, Callable[..., Any]]:
    return {ECHO: _echo, STUMBLE: _stumble}


async def _echo(value: Any) -> Any:
    return value


async def _stumble(value: Any, context: TaskContext) -> Any:
    if context.attempt == 1:
        raise RuntimeError("the first attempt of a canary always fails")
    return value


async def _check(client: Client, within_s: float) -> Check:
    began, began_s = datetime.now(UTC), time.monotonic()
    handle: RunHandle | None = None
    error = ""
    try:
        async with asyncio.timeout(within_s):
            await client.apply_workflow(WORKFLOW)
            number = began.microsecond
            handle = await _started(client, number)
            await handle.signal("go", {"n": number})
            came = await handle.result()
            _compare("output", [number, number, [number, number + 1], {"n": number}], came)
            await _read_back(handle)
    except TimeoutError:
        error = f"not done within {within_s:g} s"
    except Exception as failed:
        error = str(facts_of(failed)["message"])
    run_id = "" if handle is None else handle.run_id
    return Check(began, not error, round(time.monotonic() - began_s, 3), run_id, error)


async def _started(client: Client, number: int) -> RunHandle:
    """A run that was asked for twice and is there once."""
    key = uuid.uuid4().hex
    first = await client.start("stellwerk-canary", {"n": number}, idempotency_key=key)
    again = await client.start("stellwerk-canary", {"n": number}, idempotency_key=key)
    _compare("run of a repeated start", first.run_id, again.run_id)
    _compare("deduplicated of a repeated start", True, again.deduplicated)
    return first


async def _read_back(handle: RunHandle) -> None:
    """What was acknowledged is in the history, without a gap, and each step once."""
    events = [event async for event in handle.history()]
    _compare("sequences of the history", list(range(1, len(events) + 1)), [event.sequence for event in events])
    done = sorted(event.step for event in events if event.type == "STEP_SUCCEEDED")
    _compare("steps that succeeded", sorted(["each", "each[0]", "each[1]", "echo", "nap", "retry", "told"]), done)


def _compare(what: str, expected: object, came: object) -> None:
    if expected != came:
        raise Wrong(f"{what}: expected {expected!r}, came {came!r}")


def _line(check: Check) -> str:
    how = "ok" if check.ok else f"FAILED: {check.error}"
    return f"{check.time:%Y-%m-%d %H:%M:%S}Z  {check.run_id or '-':17}  {check.took_s:6.2f} s  {how}"
