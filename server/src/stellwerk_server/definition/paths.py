"""What an expression reads: finds paths such as `steps.quote.output.total` in CEL text, and walks plain ones.

Reads tokens only. Where a path goes on in an unknown way it ends: it may be too short, never wrong.
"""

from __future__ import annotations

import re
from typing import Any

from stellwerk_server.definition.problems import show
from stellwerk_server.model.errors import ExpressionError

# The names an expression may begin with, and so the keys of a scope.
ROOTS = ("input", "steps", "item", "index", "run")
# A root and the keys after it.
Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""(?P<skip>\s++|//[^\n]*+)
    |(?P<text>[rRbB]{0,2}(?:'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\"
        |"(?:[^"\\\n]++|\\.)*+"|'(?:[^'\\\n]++|\\.)*+'))
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*+)
    |(?P<quoted>`[^`\n]*+`)
    |(?P<number>[0-9][0-9A-Za-z_]*+(?:\.[0-9][0-9A-Za-z]*+)?)
    |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_STEP = r"""\.[A-Za-z_][A-Za-z0-9_]*|\[(?:"[^"\\\n]*"|'[^'\\\n]*'|[0-9]{1,9})\]"""
_PLAIN = re.compile(rf"\s*({'|'.join(ROOTS)})((?:{_STEP})*)\s*")
_PLAIN_STEP = re.compile(_STEP)
_MACROS = frozenset({"map", "filter", "all", "exists", "exists_one"})
# After these a dot or a bracket goes on with the same value.
_VALUE_ENDS = frozenset(")]}")


def plain(source: str) -> Path | None:
    """The path that the whole of `source` is, or None when it is anything more than a path."""
    match = _PLAIN.fullmatch(source)
    if not match or re.search(r"\.(?:in|true|false|null)\b", match[2]):
        return None
    steps = (found[0] for found in _PLAIN_STEP.finditer(match[2]))
    return (match[1], *(step[1:] if step[0] == "." else _key(step[1:-1]) for step in steps))


def walk(path: Path, scope: dict[str, Any]) -> Any:
    """The value at `path`, exactly as it is; raises ExpressionError that says what there is instead."""
    value: Any = scope
    for position, key in enumerate(path):
        if type(key) is str:
            if type(value) is not dict or key not in value:
                raise ExpressionError(_missing(path, position, value))
        elif type(value) is not list or key >= len(value):  # type: ignore[operator]
            raise ExpressionError(_missing(path, position, value))
        value = value[key]
    return value


def written(path: Path) -> str:
    """The path as people write it."""
    text = str(path[0])
    for key in path[1:]:
        name = isinstance(key, str) and re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,99}", key)
        text += f".{key}" if name else f"[{show(key)}]"
    return text


def read_by(source: str) -> set[Path]:
    """The paths that an expression reads, each as far as it can be told without evaluating."""
    tokens = [(str(m.lastgroup), m[0]) for m in _TOKEN.finditer(source) if m.lastgroup != "skip"]
    return {_follow(tokens, at) for at, token in enumerate(tokens) if token[1] in ROOTS and _begins(tokens, at)}


def hole_end(text: str, start: int) -> int:
    """Where the brace stands that closes a hole whose expression begins at `start`; -1 when none does."""
    depth = 0
    for match in _TOKEN.finditer(text, start):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            if depth == 0:
                return match.start()
            depth -= 1
    return -1


def macro_depth(source: str) -> int:
    """How deep calls of map, filter, all, exists stand in each other."""
    tokens = [m[0] for m in _TOKEN.finditer(source) if m.lastgroup in ("name", "mark")]
    opened: list[bool] = []
    deepest = 0
    for before, token in zip(["", *tokens], tokens, strict=False):
        if token == "(":
            opened.append(before in _MACROS)
            deepest = max(deepest, sum(opened))
        elif token == ")" and opened:
            opened.pop()
    return deepest


def bound_names(source: str) -> set[str]:
    """The names that macros give to items within: the `x` of `input.list.map(x, x + 1)`."""
    tokens = [m[0] for m in _TOKEN.finditer(source) if m.lastgroup != "skip"]
    places = range(len(tokens) - 3)
    return {tokens[i + 2] for i in places if tokens[i] in _MACROS and tokens[i + 1] == "(" and tokens[i + 3] == ","}


def builds_lists(source: str) -> bool:
    """True when the expression makes lists item by item, which costs CEL the square of their length."""
    names = {m[0] for m in _TOKEN.finditer(source) if m.lastgroup == "name"}
    return not names.isdisjoint(("map", "filter"))


def _begins(tokens: list[tuple[str, str]], at: int) -> bool:
    """True when the name stands for itself, as in `input` and `.input`, not in `a.input` or `input(…)`."""
    if tokens[at][0] != "name" or tokens[at + 1 : at + 2] == [("mark", "(")]:
        return False
    if at == 0 or tokens[at - 1][1] != ".":
        return True
    kind, text = tokens[at - 2] if at >= 2 else ("mark", "(")
    return text == "in" or (kind == "mark" and text not in _VALUE_ENDS)


def _follow(tokens: list[tuple[str, str]], at: int) -> Path:
    path: list[str | int] = [tokens[at][1]]
    at += 1
    while at + 1 < len(tokens):
        if tokens[at][1] == "." and tokens[at + 1][0] == "name":
            if tokens[at + 2 : at + 3] == [("mark", "(")]:
                break
            path.append(tokens[at + 1][1])
            at += 2
        elif tokens[at][1] == "[" and tokens[at + 2 : at + 3] == [("mark", "]")] and _is_key(tokens[at + 1]):
            path.append(_key(tokens[at + 1][1]))
            at += 3
        else:
            break
    return tuple(path)


def _is_key(token: tuple[str, str]) -> bool:
    kind, text = token
    return kind == "text" and text[0] in "\"'" and not text.startswith(('"""', "'''")) and "\\" not in text


def _key(text: str) -> str | int:
    return int(text) if text[0].isdigit() else text[1:-1]


def _missing(path: Path, position: int, value: Any) -> str:
    """Why the walk ended at `position`, where it stood on `value`."""
    here = written(path[: position + 1])
    if position == 0:
        return f"{here}: there is none here"
    parent = written(path[:position])
    if isinstance(value, dict):
        names = [show(key)[1:-1] for key in sorted(value)[:20]]
        there = f"there are: {', '.join(names)}{', …' if len(value) > 20 else ''}" if names else "it is empty"
        return f"{here}: no such field; {there}" if isinstance(path[position], str) else f"{parent} is no list"
    if isinstance(value, list) and not isinstance(path[position], str):
        return f"{here}: no such item; {parent} has {len(value)}"
    return f"{here}: no such field; {parent} is {show(value)}"
