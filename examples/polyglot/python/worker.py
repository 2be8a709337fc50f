"""The Python part of polyglot: counts the words of a text. Node and Java go on from there.

python worker.py                 # serves 127.0.0.1:7400, or STELLWERK_ADDRESS
"""

from collections import Counter
from typing import TypedDict

from stellwerk import Worker

worker = Worker()


class Text(TypedDict):
    text: str


@worker.handler("polyglot.count")
def count(input: Text) -> Counter[str]:
    return Counter(input["text"].split())


if __name__ == "__main__":
    worker.start()
