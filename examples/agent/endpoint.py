"""A language model for trying the agent: speaks OpenAI's chat completions as a stream, and says what a script tells it.

python examples/agent/endpoint.py [--port 8000]     # prints what OPENAI_BASE_URL has to be

It knows nothing: cities of a question are looked up with the tool `weather`, all at once; then each order is refunded
with the tool `refund`; then it repeats what the tools said.
"""

import argparse
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Message = dict[str, Any]
PORT = 8000
PATH = "/v1/chat/completions"


def answer(messages: list[Message]) -> Message:
    """The next message of the script; the same for the same conversation."""
    question = next(message["content"] for message in messages if message["role"] == "user")
    told = [message["content"] for message in messages if message["role"] == "tool"]
    asked = [call for message in messages for call in message.get("tool_calls", ())]
    cities = re.findall(r"\b(?:in|and) ([A-Z]\w+)", question)
    orders = re.findall(r"\border (\S*\w)", question)
    if cities and not asked:
        return says("Let me look outside.", [("weather", {"city": city}) for city in cities], 1)
    if (done := max(len(asked) - len(cities), 0)) < len(orders):
        return says("Let me ask.", [("refund", {"order": orders[done]})], len(asked) + 1)
    return says(". ".join([*told, "That is all"]) + ".", [], 0)


def says(content: str, tools: list[tuple[str, dict[str, str]]], first: int) -> Message:
    """A message with calls whose ids are counted through the conversation."""
    calls = [
        {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for number, (name, arguments) in enumerate(tools, first)
    ]
    return {"role": "assistant", "content": content, "tool_calls": calls}


def deltas(message: Message) -> Iterator[dict[str, Any]]:
    """The message in pieces: words, then each call's id and name, then its arguments in two halves."""
    yield {"role": "assistant", "content": ""}
    for word in re.findall(r"\S+\s*", message["content"]):
        yield {"content": word}
    for index, call in enumerate(message["tool_calls"]):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        yield {"tool_calls": [{"index": index, **call, "function": {"name": name, "arguments": ""}}]}
        for half in (arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": half}}]}


class Endpoint(BaseHTTPRequestHandler):
    """One request; the connection ends with its answer."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path != PATH or not request.get("stream"):
            self.send_error(400, f"expected POST {PATH} with stream: true")
            return
        message = answer(request["messages"])
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for delta in deltas(message):
            self.send_chunk(delta, None)
        self.send_chunk({}, "tool_calls" if message["tool_calls"] else "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def send_chunk(self, delta: dict[str, Any], finish_reason: str | None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "script", "choices": [choice]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: whoever wants to see the conversation asks the run."""


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted language model.")
    parser.add_argument("--port", type=int, default=PORT, help="0 takes a free one")
    with ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Endpoint) as server:
        print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main()
