"""JSON values with `${…}` holes into functions that fill them. A plain path is walked here, the rest is CEL.

`$${` stands for a literal `${`. Rendered values share parts with the scope: nobody may change them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from stellwerk_server.definition import cel, paths
from stellwerk_server.definition.problems import Problems, child, show
from stellwerk_server.model import payload
from stellwerk_server.model.errors import ExpressionError

MAX_BYTES = cel.MAX_RESULT_BYTES
# Fewer holes cannot add up to more than the limit of a payload will refuse anyway.
_FEW_HOLES = 8

Scope = dict[str, Any]
Render = Callable[[Scope], Any]


@dataclass(slots=True)
class Filled:
    """A template ready to render, and the paths its holes read."""

    render: Render
    paths: set[paths.Path] = field(default_factory=set)
    holes: int = 0


def expression(source: str) -> tuple[Render, set[paths.Path]]:
    """How to evaluate one expression, and what it reads; raises cel.BadExpression."""
    path = paths.plain(source)
    if path is not None:
        return partial(paths.walk, path), {path}
    compiled = cel.compile(source)
    return compiled.evaluate, compiled.paths


def fill(source: Any, path: str, problems: Problems) -> Filled:
    """The template of a JSON value; what is wrong with its holes goes to `problems`."""
    filled = Filled(lambda _scope: source)
    render = _render_of(source, path, problems, filled)
    if render is not None:
        filled.render = render if filled.holes <= _FEW_HOLES else partial(_render_bounded, render)
    return filled


def only_hole(source: str) -> str | None:
    """The expression, when the text is one hole and nothing else."""
    if not source.startswith("${"):
        return None
    return source[2:-1] if paths.hole_end(source, 2) == len(source) - 1 else None


def _render_of(source: Any, path: str, problems: Problems, filled: Filled) -> Render | None:
    """The function that renders `source`, or None when there is nothing to fill in it."""
    if isinstance(source, str):
        return _text(source, path, problems, filled) if "${" in source else None
    if isinstance(source, list):
        return _list(source, path, problems, filled)
    return _object(source, path, problems, filled) if isinstance(source, dict) else None


def _list(source: list[Any], path: str, problems: Problems, filled: Filled) -> Render | None:
    renders = [_render_of(item, child(path, i), problems, filled) for i, item in enumerate(source)]
    if not any(renders):
        return None
    parts = list(zip(source, renders, strict=True))
    return lambda scope: [item if render is None else render(scope) for item, render in parts]


def _object(source: dict[str, Any], path: str, problems: Problems, filled: Filled) -> Render | None:
    for key in source:
        if "${" in key:
            problems.add(child(path, key), "expected a plain key; holes are filled in values only")
    renders = {key: _render_of(item, child(path, key), problems, filled) for key, item in source.items()}
    if not any(renders.values()):
        return None
    parts = [(key, source[key], render) for key, render in renders.items()]
    return lambda scope: {key: item if render is None else render(scope) for key, item, render in parts}


def _text(source: str, path: str, problems: Problems, filled: Filled) -> Render | None:
    parts = _parts(source, path, problems, filled)
    if len(parts) == 1:
        return parts[0] if callable(parts[0]) else partial(_constant, parts[0])
    return partial(_join, parts)


def _constant(value: Any, _scope: Scope) -> Any:
    return value


def _parts(source: str, path: str, problems: Problems, filled: Filled) -> list[str | Render]:
    """The text cut at its holes: literal pieces and functions, in order."""
    parts: list[str | Render] = []
    literal, at = "", 0
    while (found := source.find("${", at)) >= 0:
        if found > at and source[found - 1] == "$":
            literal, at = literal + source[at : found - 1] + "${", found + 2
            continue
        end = paths.hole_end(source, found + 2)
        if end < 0:
            problems.add(
                path,
                f"the hole that opens at character {found + 1} is never closed; write $${{ for a literal ${{",
            )
            return ["" if not parts else parts[0]]
        literal += source[at:found]
        parts += [literal] if literal else []
        parts.append(_hole(source[found + 2 : end], path, problems, filled))
        literal, at = "", end + 1
    literal += source[at:]
    return parts + ([literal] if literal else [])


def _hole(source: str, path: str, problems: Problems, filled: Filled) -> Render:
    filled.holes += 1
    try:
        render, reads = expression(source)
    except cel.BadExpression as error:
        problems.add(path, f"in {show(source)}: {error}")
        return partial(_constant, None)
    filled.paths |= reads
    return render


def _join(parts: list[str | Render], scope: Scope) -> str:
    pieces: list[str] = []
    room = MAX_BYTES
    for part in parts:
        piece = part if isinstance(part, str) else _as_text(part(scope))
        room -= len(piece)
        if room < 0:
            raise ExpressionError(f"the text grows longer than {MAX_BYTES} bytes")
        pieces.append(piece)
    return "".join(pieces)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return payload.from_value(value).decode()
    except (ValueError, RecursionError):
        raise ExpressionError("a value inside a text cannot be written as JSON") from None


def _render_bounded(render: Render, scope: Scope) -> Any:
    """Many holes may show one large value many times: refuse it before somebody writes it out."""
    value = render(scope)
    room = MAX_BYTES
    waiting = [value]
    while waiting and room >= 0:
        item = waiting.pop()
        room -= len(item) if isinstance(item, str) else 1
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            room -= sum(map(len, item))
            waiting += item.values()
    if room < 0:
        raise ExpressionError(f"the value grows larger than {MAX_BYTES} bytes")
    return value
