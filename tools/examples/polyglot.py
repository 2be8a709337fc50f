"""The second part of `make demo`: one run whose steps run in three languages, where Node and Java are there and built.

Must never make the demo fail or slow where they are not.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from examples.census.demo import server
from stellwerk import Client
from tools.examples.check import ALL, drive
from tools.examples.crew import Crew
from tools.examples.programs import LANGUAGES, ToolError, require

TEXT = "to be or not to be"


async def show(tell: Callable[[str], None]) -> None:
    """Tell what each language made of the text, or why there is nothing to tell."""
    try:
        for language in LANGUAGES:
            require(language)
    except ToolError as missing:
        tell(f"\nexamples/polyglot, one run with a step in each language, is left out: {missing}")
        return
    tell(f"\nexamples/polyglot: one run, a step in each language, counts the words of {TEXT!r}.\n")
    with tempfile.TemporaryDirectory(prefix="stellwerk-demo-") as data, server(Path(data)) as ready:
        for line in await drive("polyglot", ALL, ready["address"], "default", follow, Path(data)):
            tell(line)


async def follow(client: Client, _crew: Crew) -> list[str]:
    """A line for each step: who did it, and what came out."""
    handle = await client.start("polyglot", {"text": TEXT})
    await handle.result()
    run = await handle.get(include_steps=True)
    sdks = {worker.worker_id: worker.sdk.partition(" ")[0] for worker in await client.workers()}
    ends = [event async for event in handle.history() if event.type == "STEP_SUCCEEDED"]
    outputs: dict[str, Any] = {step.step: step.output for step in run.steps}
    return [f"  {end.step:<6} {sdks[end.worker_id]:<7} {json.dumps(outputs[end.step])}" for end in ends]
