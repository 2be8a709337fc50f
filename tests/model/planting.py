"""Plants a bug in the running server and takes it out again: other code in a function, other text in a statement.

No file is changed. What a bug wants to replace must stand there exactly once, so that a stale bug says so.
"""

from __future__ import annotations
import __future__

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import CodeType
from typing import Any, NamedTuple

from stellwerk_server.store import sql

# The source of functions that are not what their file says, for a second change of the same one.
_planted: dict[CodeType, str] = {}


class Rewrite(NamedTuple):
    """A function of the server does something else: `old` in its source reads `new`."""

    function: Callable[..., Any]
    old: str
    new: str

    @contextmanager
    def planted(self) -> Iterator[None]:
        """While this lasts, wherever the function is held, it is the other one."""
        function: Any = self.function
        real = function.__code__
        before = _planted.get(real) or textwrap.dedent(inspect.getsource(function))
        source = _replaced(before, self.old, self.new, function.__qualname__)
        changed = _compiled(source, real)
        function.__code__, _planted[changed] = changed, source
        try:
            yield
        finally:
            del _planted[changed]
            function.__code__ = real


class Restate(NamedTuple):
    """A named statement says something else."""

    file: str
    statement: str
    old: str
    new: str

    @contextmanager
    def planted(self) -> Iterator[None]:
        """While this lasts, whoever asks for the statement by its name gets the other one."""
        statements = sql.load(self.file)._statements
        real = statements[self.statement]
        place = f"{self.file}.{self.statement}"
        statements[self.statement] = _replaced(real.decode(), self.old, self.new, place).encode()
        try:
            yield
        finally:
            statements[self.statement] = real


class Bug(NamedTuple):
    """A mistake somebody could make: what it is called, which machine must see it, and a seed that shows it soon."""

    name: str
    machine: str
    seed: int
    changes: tuple[Rewrite | Restate, ...]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The server has the bug while this lasts."""
        with ExitStack() as stack:
            for change in self.changes:
                stack.enter_context(change.planted())
            yield


def _replaced(text: str, old: str, new: str, place: str) -> str:
    count = text.count(old)
    if count != 1:
        raise LookupError(f"{place}: expected {old!r} exactly once, found it {count} times; the bug is stale")
    return text.replace(old, new)


def _compiled(source: str, real: CodeType) -> CodeType:
    # Tracebacks then name the lines of the file.
    source = "\n" * (real.co_firstlineno - 1) + source
    module = compile(source, real.co_filename, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)
    found = [constant for constant in module.co_consts if isinstance(constant, CodeType)]
    return next(code for code in found if code.co_name == real.co_name)
