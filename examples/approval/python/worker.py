"""The approval worker: an expense waits for somebody's word, is paid, or what was done for it is undone.

python worker.py                 # serves 127.0.0.1:7400, or STELLWERK_ADDRESS
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from stellwerk import SignalTimeout, TaskContext, Worker, WorkflowContext

THREE_DAYS_S = 3 * 24 * 60 * 60

worker = Worker()


@dataclass
class Expense:
    who: str
    amount: int
    patience_s: float = THREE_DAYS_S


@worker.workflow("approval")
async def approval(ctx: WorkflowContext, expense: Expense) -> dict[str, Any]:
    ctx.set_attributes({"who": expense.who, "amount": expense.amount})
    await ctx.step("approval.reserve", expense.amount)
    ctx.publish("state", "waiting for approval")
    try:
        answer = await ctx.wait_signal("approval", timeout=expense.patience_s)
    except SignalTimeout:
        answer = {"approved": False, "by": "nobody"}
    except asyncio.CancelledError:
        await ctx.step("approval.release", expense.amount)
        raise
    if answer["approved"]:
        return await pay(ctx, expense, answer["by"])
    return await turn_down(ctx, expense, answer["by"])


async def pay(ctx: WorkflowContext, expense: Expense, by: str) -> dict[str, Any]:
    ctx.publish("state", "paying")
    receipt = await ctx.step("approval.pay", {"who": expense.who, "amount": expense.amount})
    ctx.publish("state", "paid")
    return {"state": "paid", "by": by, "receipt": receipt}


async def turn_down(ctx: WorkflowContext, expense: Expense, by: str) -> dict[str, Any]:
    """Undo the reservation and tell whoever waits for the money."""
    await ctx.step("approval.release", expense.amount)
    notice = await ctx.step("approval.notify", {"who": expense.who, "by": by})
    ctx.publish("state", "turned down")
    return {"state": "turned down", "by": by, "notice": notice}


@worker.handler("approval.reserve")
def reserve(amount: int) -> str:
    return f"{amount} are set aside"


@worker.handler("approval.release")
def release(amount: int) -> str:
    return f"{amount} are free again"


@worker.handler("approval.pay")
def transfer(payment: dict[str, Any], ctx: TaskContext) -> dict[str, Any]:
    # The key is the same in every attempt: a bank that is asked twice pays once.
    return {"paid": payment["amount"], "to": payment["who"], "key": ctx.idempotency_key}


@worker.handler("approval.notify")
def notify(notice: dict[str, str]) -> str:
    return f"Dear {notice['who']}, your expense was turned down by {notice['by']}."


if __name__ == "__main__":
    worker.start()
