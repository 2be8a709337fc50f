"""What each example of a workflow as data must give, to the letter, whichever language its worker is written in.

A check drives one case with a client and gives all that was seen; EXPECTED says what that must be.
"""

# ruff: noqa: ASYNC240 - a file made or read here keeps nobody waiting

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from stellwerk import Chunk, Client, Event, RunFailed, RunHandle
from tools.examples import odd_tree
from tools.examples.crew import Crew

Check = Callable[[Client, Crew], Coroutine[Any, Any, Any]]

CARD_LIMIT = 100_000


async def hello(client: Client, _crew: Crew) -> Any:
    """Greets somebody whose name is not ASCII; what was streamed is what came out."""
    handle = await client.start("hello", {"name": "Ada Łovelace 👋"})
    return {"output": await handle.result(), "streamed": await streamed(handle)}


async def order(client: Client, crew: Crew) -> Any:
    """Retries, the idempotency key, a terminal failure, and a dead letter that is requeued."""
    return {
        "twice": await _order_twice(client),
        "declined": await _order_declined(client),
        "parked": await _order_parked(client, crew.folder / "closed"),
    }


async def _order_twice(client: Client) -> Any:
    """The same key and input twice: one run."""
    handles = [await client.start("order", {"order": "o-17", "total": 1_200}, idempotency_key="o-17") for _ in range(2)]
    return {
        "runs": len({handle.run_id for handle in handles}),
        "deduplicated": [handle.deduplicated for handle in handles],
        "output": without_id(await handles[1].result(), handles[0]),
    }


async def _order_declined(client: Client) -> Any:
    handle = await client.start("order", {"order": "o-18", "total": CARD_LIMIT})
    try:
        return await handle.result()
    except RunFailed as error:
        why = error.failure
        return why and [error.state, why.step, why.attempt, why.type, why.message, why.details]


async def _order_parked(client: Client, closed_sign: Path) -> Any:
    """The warehouse is closed until both attempts are used up; then it opens, and the letter is requeued."""
    closed_sign.touch()
    handle = await client.start("order", {"order": "o-19", "total": 5, "closed_sign": str(closed_sign)})
    async for item in handle.watch(chunks=False):
        if isinstance(item, Event) and item.type == "RUN_BLOCKED":
            break
    letters = [letter async for letter in client.dead_letters(run_id=handle.run_id)]
    closed_sign.unlink()
    same = [(await client.requeue(letter.dead_letter_id)).run_id == handle.run_id for letter in letters]
    return {
        "letters": [[each.step, each.attempt, each.reason, each.failure and each.failure.type] for each in letters],
        "same run": same,
        "output": without_id(await handle.result(), handle),
    }


async def census(client: Client, crew: Crew) -> Any:
    """Counts a tree with all that is awkward; the report on disk is the one in the output."""
    scratch = crew.folder
    tree = odd_tree.make(scratch / "tree")
    report = scratch / "report.md"
    handle = await client.start("census", {"folder": str(tree), "report": str(report)})
    output = await handle.result()
    seen = {**output, "on disk": report.read_text(encoding="utf-8"), "streamed": sorted(await streamed(handle))}
    text = json.dumps(seen, ensure_ascii=False)
    return json.loads(text.replace(str(scratch), "SCRATCH").replace(odd_tree.DEEP_NAME.decode(), "DEEP"))


async def polyglot(client: Client, _crew: Crew) -> Any:
    """Three workers, one of each language, pass one run on."""
    handle = await client.start("polyglot", {"text": "zwei drei zwei läuft drei zwei"})
    output = await handle.result()
    sdks = {worker.worker_id: worker.sdk.partition(" ")[0] for worker in await client.workers()}
    ends = [event async for event in handle.history() if event.type == "STEP_SUCCEEDED"]
    return {"output": output, "steps": [[end.step, sdks[end.worker_id]] for end in ends]}


async def streamed(handle: RunHandle) -> list[Any]:
    """Every chunk of an ended run."""
    return [item.value async for item in handle.watch() if isinstance(item, Chunk)]


def without_id(value: Any, handle: RunHandle) -> Any:
    """A value without the id of its run, which no two runs share."""
    return json.loads(json.dumps(value, ensure_ascii=False).replace(handle.run_id, "RUN"))


CHECKS: dict[str, Check] = {"hello": hello, "order": order, "census": census, "polyglot": polyglot}

_WORDS = ["Hello,", "Ada", "Łovelace", "👋!"]

EXPECTED: dict[str, Any] = {
    "hello": {"output": {"greeting": " ".join(_WORDS), "words": _WORDS}, "streamed": _WORDS},
    "order": {
        "twice": {
            "runs": 1,
            "deduplicated": [False, True],
            "output": {"charge": {"amount": 1_200, "key": "RUN/charge", "attempt": 2}, "parcel": "parcel of o-17"},
        },
        "declined": ["FAILED", "charge", 2, "CardDeclined", "the card was declined", {"limit": CARD_LIMIT}],
        "parked": {
            "letters": [["ship", 2, "ATTEMPTS_EXHAUSTED", "WarehouseClosed"]],
            "same run": [True],
            "output": {"charge": {"amount": 5, "key": "RUN/charge", "attempt": 2}, "parcel": "parcel of o-19"},
        },
    },
    "census": odd_tree.EXPECTED,
    "polyglot": {
        "output": ["### zwei", "## drei", "# läuft"],
        "steps": [["count", "python"], ["sort", "node"], ["draw", "java"]],
    },
}
