"""The tail of the size distribution, as a ratchet: functions of at most 60 lines, files of at most 500.

An exception states its size and its reason; it may shrink, never grow, and goes when it is no longer needed.
"""

import ast
from collections.abc import Iterator

from tests.tidy.tree import Module, modules, refuse

FUNCTION_LINES = 60
FILE_LINES = 500

# "path" or "path:Class.function" -> (the most lines it may have, why it is that long).
EXCEPTIONS: dict[str, tuple[int, str]] = {}


def sizes(module: Module) -> Iterator[tuple[str, int, int]]:
    """What has a length here: its name, its lines and the limit."""
    yield module.path, len(module.text.splitlines()), FILE_LINES
    yield from _functions(module.tree, f"{module.path}:")


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, int, int]]:
    for child in ast.iter_child_nodes(node):
        inner = prefix
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{child.name}", (child.end_lineno or 0) - child.lineno + 1, FUNCTION_LINES
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{prefix}{child.name}."
        yield from _functions(child, inner)


def too_long(measured: list[tuple[str, int, int]], exceptions: dict[str, tuple[int, str]]) -> list[str]:
    """What is over its limit, and the exceptions that no longer hold."""
    problems = [
        f"{name}: {lines} lines, at most {exceptions.get(name, (limit, ''))[0]} are allowed"
        for name, lines, limit in measured
        if lines > exceptions.get(name, (limit, ""))[0]
    ]
    needed = {name for name, lines, limit in measured if lines > limit}
    stale = [f"{name}: the exception is stale, take it out" for name in exceptions if name not in needed]
    return problems + stale


def test_functions_and_files_are_short() -> None:
    measured = [size for module in modules() for size in sizes(module)]
    refuse(too_long(measured, EXCEPTIONS))


def test_every_exception_has_a_reason() -> None:
    assert [name for name, (_, reason) in EXCEPTIONS.items() if len(reason.split()) < 4] == []


def test_a_long_function_a_long_file_and_a_stale_exception_are_found() -> None:
    body = "    x = 1\n" * FUNCTION_LINES
    methods = f"class A:\n  def short(self):\n    pass\n  async def long(self):\n{body}"
    text = f"{methods}\ndef outer():\n  def inner():\n{body}"
    measured = list(sizes(Module("m.py", text)))
    assert [name for name, lines, limit in measured if lines > limit] == [
        "m.py:A.long",
        "m.py:outer",
        "m.py:outer.inner",
    ]
    assert len(too_long(measured, {})) == 3
    allowed = dict.fromkeys(("m.py:A.long", "m.py:outer", "m.py:outer.inner"), (100, "it is so long"))
    assert too_long(measured, allowed) == []
    assert too_long(measured, {**allowed, "m.py:A.long": (60, "it is so long")})
    assert too_long(measured, {**allowed, "m.py:A.short": (70, "it was so long")})
    assert too_long(list(sizes(Module("m.py", "x = 1\n" * (FILE_LINES + 1)))), {})
