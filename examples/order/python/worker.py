"""The order worker: failures that are tried again, one that is not, and one that somebody has to decide.

python worker.py                 # serves 127.0.0.1:7400, or STELLWERK_ADDRESS
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from stellwerk import RetryableError, TaskContext, TerminalError, Worker

CARD_LIMIT = 100_000

worker = Worker()


@dataclass
class Order:
    order: str
    total: int
    closed_sign: str | None = None


class Receipt(TypedDict):
    amount: int
    key: str
    attempt: int


@worker.handler("order.charge")
async def charge(order: Order, ctx: TaskContext) -> Receipt:
    """Ask the bank, which is busy at first and takes small amounts only."""
    if ctx.attempt == 1:
        raise RetryableError("the bank is busy", retry_after=0.1, type="BankBusy")
    if order.total >= CARD_LIMIT:
        raise TerminalError("the card was declined", type="CardDeclined", details={"limit": CARD_LIMIT})
    # The key is the same in every attempt: a bank that is asked twice charges once.
    return {"amount": order.total, "key": ctx.idempotency_key, "attempt": ctx.attempt}


@dataclass
class Shipment:
    order: str
    closed_sign: str | None


class WarehouseClosed(Exception):
    """Any error that is no TerminalError is tried again, as the step's `retry` says."""


@worker.handler("order.ship")
def ship(shipment: Shipment) -> str:
    if shipment.closed_sign and Path(shipment.closed_sign).exists():
        raise WarehouseClosed(f"nobody is here to pack {shipment.order}")
    return f"parcel of {shipment.order}"


if __name__ == "__main__":
    worker.start()
