"""The hello worker: a plain handler and one that streams.

python worker.py                 # serves 127.0.0.1:7400, or STELLWERK_ADDRESS
"""

from collections.abc import Iterator
from typing import TypedDict

from stellwerk import Worker

worker = Worker()


class Guest(TypedDict):
    name: str


@worker.handler("hello.greet")
def greet(guest: Guest) -> str:
    return f"Hello, {guest['name']}!"


@worker.handler("hello.speak")
def speak(greeting: str) -> Iterator[str]:
    """Whoever watches the run sees each word as it is said; the step's output is the list of them."""
    yield from greeting.split(" ")


if __name__ == "__main__":
    worker.start()
