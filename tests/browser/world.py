"""A house where work goes on, with runs in every state, so that each page has something to show.

Names are what people would use, because screenshots are taken of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from stellwerk import Client, RunHandle, TaskContext, TerminalError, Worker, WorkflowContext
from tests.browser.stage import running
from tests.integration.api import eventually

DEFINITIONS = """
name: order
input_schema:
  type: object
  required: [customer, total]
  properties:
    customer: {type: string, title: Customer}
    total: {type: number, minimum: 0, title: Total in euros}
    express: {type: boolean, title: Express}
    parcels: {type: array, items: {type: string}}
steps:
  - {id: quote, action: pricing.quote}
  - {id: reserve, action: stock.reserve, needs: [quote]}
  - {id: charge, action: billing.charge, needs: [quote], retry: {max_attempts: 3, initial: 20ms, jitter: 0}}
  - {id: pack, action: parcel.pack, needs: [reserve, charge], foreach: "${input.parcels}", input: "${item}"}
  - {id: label, action: parcel.label, needs: [charge]}
  - {id: ship, action: parcel.ship, needs: [pack, label], input: {customer: "${input.customer}"}}
  - {id: thank, action: mail.send, needs: [ship], input: {to: "${input.customer}"}}
output: {tracking: "${steps.ship.output}"}
---
name: invoice
steps:
  - {id: render, action: pricing.quote}
  - {id: book, action: ledger.book, needs: [render], retry: {max_attempts: 2, initial: 20ms}, on_failure: park}
  - {id: send, action: mail.send, needs: [book]}
---
name: approval
steps:
  - {id: draft, action: pricing.quote}
  - {id: approve, needs: [draft], signal: approval}
  - {id: publish, action: mail.send, needs: [approve]}
---
name: reminder
steps:
  - {id: wait, sleep: 3d}
  - {id: remind, action: mail.send, needs: [wait]}
---
name: training
steps:
  - {id: prepare, action: pricing.quote}
  - {id: train, action: model.train, needs: [prepare], queue: gpu}
---
name: assistant
steps:
  - {id: think, action: agent.think}
  - {id: act, action: agent.act, needs: [think]}
---
name: census
steps:
  - {id: split, action: pricing.quote}
  - {id: count, action: district.count, needs: [split], foreach: "${input.districts}", input: "${item}",
     on_failure: continue, retry: {max_attempts: 1}}
  - {id: add, action: pricing.quote, needs: [count], input: 1}
"""

ANSWER = "The 14:05 to Basel waits at signal 7 until the points have moved; it will leave two minutes late."


@dataclass(frozen=True)
class World:
    """The runs a test may look at, by what became of them."""

    runs: dict[str, str]
    worker_id: str


@asynccontextmanager
async def world_on(address: str) -> AsyncIterator[World]:
    """The house on this server, in the namespace "default"; its worker works until the end of the block."""
    async with Client(address) as client:
        worker = house_worker(address)
        async with running(worker):
            for text in DEFINITIONS.split("\n---\n"):
                await client.apply_workflow(text)
            await eventually(client.workers, 30)
            runs = await started(client)
            await eventually(lambda: settled(client, runs), 60)
            yield World({name: handle.run_id for name, handle in runs.items()}, worker.worker_id)


def house_worker(address: str) -> Worker:
    """Does everything but what its queue has no worker for."""
    worker = Worker(address, worker_id="yard-1", drain_s=0)
    same: Callable[[Any], Any] = lambda value: value  # noqa: E731 - a handler of one word
    for action in ("pricing.quote", "stock.reserve", "parcel.pack", "parcel.label", "mail.send", "agent.act"):
        worker.register(action, same)
    worker.register("parcel.ship", lambda value: f"RR-{len(str(value)):06}")
    worker.register("billing.charge", charge)
    worker.register("ledger.book", book)
    worker.register("agent.think", think)
    worker.register("district.count", count)
    worker.register_workflow("survey", survey)
    return worker


def charge(order: dict[str, Any]) -> dict[str, Any]:
    if order.get("total", 0) > 1_000:
        raise TerminalError("the card was declined: limit of 1,000.00 EUR reached", type="CardDeclined")
    return order


def book(_: Any) -> None:
    try:
        raise ConnectionError("ledger.example:5432 refused the connection")
    except ConnectionError as error:
        raise RuntimeError("the ledger did not answer") from error


def count(district: int) -> int:
    if district % 40 == 7:
        raise TerminalError(f"district {district} has no register", type="NoRegister")
    return district * 3


async def think(_: Any, ctx: TaskContext) -> AsyncIterator[str]:
    for word in ANSWER.split():
        yield f"{word} "
    ctx.heartbeat({"stage": "waiting for the tool"})
    await ctx.cancelled


async def survey(ctx: WorkflowContext, value: Any) -> Any:
    parts = await asyncio.gather(*(ctx.step("mail.send", number, name=f"part-{number}") for number in range(4)))
    ctx.set_attributes({"region": str(value["region"])})
    ctx.publish("progress", {"parts": len(parts)})
    await ctx.step("pricing.quote", parts, name="sum")
    return parts


async def started(client: Client) -> dict[str, RunHandle]:
    """One run or more of each kind."""
    order = {"customer": "Ada Lovelace", "total": 99.5, "parcels": ["books", "tea", "lamp"]}
    runs = {"succeeded": await client.start("order", order, idempotency_key="order-1815")}
    for number in range(6):
        await client.start("order", {**order, "total": 10 + number, "customer": f"customer {number}"})
    for number in range(3):
        runs["failed"] = await client.start("order", {**order, "total": 4_000 + number})
    runs["blocked"] = await client.start("invoice", {"number": 7})
    runs["waiting"] = await client.start("approval", {"text": "New timetable"})
    runs["sleeping"] = await client.start("reminder", {"to": "ada@example.org"})
    runs["queued"] = await client.start("training", {"epochs": 3})
    runs["streaming"] = await client.start("assistant", {"question": "Why is the train late?"})
    runs["fan"] = await client.start("census", {"districts": list(range(200))})
    runs["code"] = await client.start("survey", {"region": "north"})
    return runs


ENDED = {"succeeded": "SUCCEEDED", "failed": "FAILED", "blocked": "BLOCKED", "fan": "SUCCEEDED", "code": "SUCCEEDED"}


async def settled(client: Client, runs: dict[str, RunHandle]) -> bool:
    """Whether every run stands where it is meant to stay."""
    states = {name: str((await runs[name].get()).state) for name in ENDED}
    return states == ENDED
