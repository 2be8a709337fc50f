"""Where the chance of a test comes from: the same seed in every `make test`, another one each time in `make soak`."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def seeded(variable: str, *, anew: bool) -> Iterator[int]:
    """A seed: what the environment says, else 1, or with `anew` one nobody has tried. What fails inside says which."""
    number = int(os.environ.get(variable, random.SystemRandom().randrange(1 << 32) if anew else 1))
    try:
        yield number
    except BaseException as error:
        error.add_note(f"run it again with {variable}={number}")
        raise
