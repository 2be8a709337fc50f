"""The agent worker: a workflow that talks with a language model, and its tools; the model's words are streamed.

OPENAI_BASE_URL=http://127.0.0.1:8000/v1 python worker.py     # serves 127.0.0.1:7400, or STELLWERK_ADDRESS
"""

import asyncio
import json
import os
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from stellwerk import StepFailed, TerminalError, Worker, WorkflowContext

BASE_URL = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
MODEL = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")
TOOLS = json.loads((Path(__file__).parents[1] / "tools.json").read_text())
SILENCE_S = 60

Message = dict[str, Any]

worker = Worker()


@dataclass
class Task:
    question: str = ""
    messages: list[Message] = field(default_factory=list)  # said before, in an earlier run
    turns: int = 20  # of the model in one run; then the conversation goes on in a new one, with a short history


@worker.workflow("agent")
async def agent(ctx: WorkflowContext, task: Task) -> Any:
    messages = task.messages or [{"role": "user", "content": task.question}]
    for _ in range(task.turns):
        reply = await ctx.step("agent.think", messages)
        messages.append(reply)
        ctx.publish("conversation", messages)
        if "tool_calls" not in reply:
            return reply["content"]
        messages += await asyncio.gather(*(use_tool(ctx, call) for call in reply["tool_calls"]))
        ctx.publish("conversation", messages)
    return ctx.continue_as_new({"messages": messages, "turns": task.turns})


async def use_tool(ctx: WorkflowContext, call: dict[str, Any]) -> Message:
    """What a tool gives, or why it gives nothing: the model is told either."""
    try:
        content = await run_tool(ctx, call["function"]["name"], json.loads(call["function"]["arguments"]), call["id"])
    except (StepFailed, ValueError) as error:
        content = f"it failed: {error}"
    return {"role": "tool", "tool_call_id": call["id"], "content": content}


async def run_tool(ctx: WorkflowContext, tool: str, arguments: dict[str, Any], call_id: str) -> Any:
    if tool == "weather":
        return await ctx.step("agent.weather", arguments)
    if tool == "refund":
        return await refund(ctx, arguments, call_id)
    return f"there is no tool {tool!r}"


async def refund(ctx: WorkflowContext, arguments: dict[str, Any], call_id: str) -> Any:
    """Ask a person first: the question is published, the answer is a signal with the call's id."""
    ctx.publish(call_id, f"may order {arguments['order']} be refunded?")
    allowed = await ctx.wait_signal(call_id)
    ctx.publish(call_id, "yes" if allowed else "no")
    return await ctx.step("agent.refund", arguments) if allowed else "a person has refused it"


@worker.handler("agent.think")
def think(messages: list[Message]) -> Generator[str, None, Message]:
    """Give the conversation to the model and its words to whoever watches the run, then its whole message."""
    content, calls = "", list[dict[str, Any]]()
    for delta in deltas(messages):
        if text := delta.get("content"):
            content += text
            yield text
        for part in delta.get("tool_calls") or ():
            add(calls, part)
    return {"role": "assistant", "content": content, **({"tool_calls": calls} if calls else {})}


def deltas(messages: list[Message]) -> Iterator[dict[str, Any]]:
    """The pieces of the model's message as they come (OpenAI's chat completions, server-sent events)."""
    body = {"model": MODEL, "messages": messages, "tools": TOOLS, "stream": True}
    key = os.environ.get("OPENAI_API_KEY", "")
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    request = Request(f"{BASE_URL}/chat/completions", json.dumps(body).encode(), headers)
    try:
        with urlopen(request, timeout=SILENCE_S) as response:
            yield from (chunk["choices"][0]["delta"] for chunk in events(response) if chunk["choices"])
    except HTTPError as error:
        if error.code == 429 or error.code >= 500:
            raise  # is tried again
        raise TerminalError(f"the model refused: {error}", type="ModelRefused") from error


def events(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The documents of a stream; one that is cut off fails, and the step is tried again."""
    for line in lines:
        data = line.decode().removeprefix("data:").strip()
        if data == "[DONE]":
            return
        if line.startswith(b"data:"):
            yield json.loads(data)
    raise ConnectionError("the model's answer was cut off")


def add(calls: list[dict[str, Any]], part: dict[str, Any]) -> None:
    """Put a piece of a tool call to its call: the first has id and name, all have some of the arguments."""
    if part["index"] == len(calls):
        function = {"name": part["function"]["name"], "arguments": ""}
        calls.append({"id": part["id"], "type": "function", "function": function})
    calls[part["index"]]["function"]["arguments"] += part["function"].get("arguments") or ""


@worker.handler("agent.weather")
def weather(arguments: dict[str, str]) -> str:
    return f"{len(arguments['city']) * 3} °C and sunny in {arguments['city']}"


@worker.handler("agent.refund")
def pay_back(arguments: dict[str, str]) -> str:
    return f"order {arguments['order']} is refunded"


if __name__ == "__main__":
    worker.start()
