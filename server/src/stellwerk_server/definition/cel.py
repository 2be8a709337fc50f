"""The only place that knows the CEL library: compiles expressions, hands values in and out, bounds both.

An expression sees nothing but the JSON values of its scope: no functions of ours, no clock, no I/O.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson
from cel_expr_python import cel

from stellwerk_server.definition import paths
from stellwerk_server.definition.problems import show
from stellwerk_server.model.errors import ExpressionError

MAX_SOURCE_BYTES = 4096
MAX_RESULT_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 64
# Each level may multiply what is held in memory, and nothing else bounds that.
MAX_MACRO_DEPTH = 3
# The library needs 14 ms for 1,000 items of map or filter, and four times as much for twice as many.
MAX_BUILT_ITEMS = 2000

_INT64 = range(-(2**63), 2**63)
_SCALARS = frozenset({str, bool, type(None)})
_COMPILE_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): ([^\n]*)")
_CODE = re.compile(r"^[A-Z_]+: ")
_NO_OVERLOAD = re.compile(r"No matching overloads found : (\S+?)\((.*)\)")
_NO_KEY = re.compile(r'Key not found in map : (?:"(.*)"|(.*))', re.DOTALL)

_env = cel.NewEnv(variables=dict.fromkeys(paths.ROOTS, cel.Type.DYN))
_ERROR = cel.Type.ERROR
# What a value of `reads` is when the whole value is needed; else the keys that are.
_Tree = dict[str, Any]


class BadExpression(Exception):
    """The source is no CEL; the message names the column."""


class Compiled:
    """A checked expression; `evaluate` raises ExpressionError and nothing else."""

    def __init__(self, source: str, expression: cel.Expression) -> None:
        self.source = source
        found = paths.read_by(source)
        # `item` may also be the name a macro gives; then nothing is known of it beforehand.
        local = paths.bound_names(source) & {"item", "index"}
        self.paths = {path for path in found if path[0] not in local}
        self.returns = str(expression.return_type().name())
        self._eval = expression.eval
        self._tree = _tree(found)
        self._max_items = MAX_BUILT_ITEMS if paths.builds_lists(source) else None

    def evaluate(self, scope: dict[str, Any]) -> Any:
        """The JSON value the expression has in `scope`."""
        try:
            result = self._eval(data=_take(scope, self._tree, self._max_items))
            value = result.plain_value()
            failed = result.type() == _ERROR
        except ExpressionError as error:
            raise ExpressionError(f"{self._name()}: {error}") from None
        except Exception as error:  # the library raises RuntimeError for most things, and is not ours
            raise ExpressionError(f"{self._name()}: {_reason(str(error))}") from None
        if failed:
            raise ExpressionError(f"{self._name()}: {self._explain(str(value), scope)}")
        if type(value) in (bool, type(None)) or (type(value) is int and value in _INT64):
            return value
        return self._bounded(value)

    def _bounded(self, value: Any) -> Any:
        try:
            _check(value, None)
            size = len(orjson.dumps(value))
        except (ExpressionError, orjson.JSONEncodeError) as error:
            raise ExpressionError(f"{self._name()}: the result is unusable: {error}") from None
        if size > MAX_RESULT_BYTES:
            raise ExpressionError(
                f"{self._name()}: the result has {size} bytes; at most {MAX_RESULT_BYTES} are allowed"
            )
        return value

    def _explain(self, message: str, scope: dict[str, Any]) -> str:
        """The library names a missing key but not where; the paths of the source usually tell."""
        if "Key not found" in message or "SELECT" in message:
            for path in sorted(self.paths, key=str):
                try:
                    paths.walk(path, scope)
                except ExpressionError as error:
                    return str(error)
        return _reason(message)

    def _name(self) -> str:
        return f"cannot evaluate {show(self.source)}"


@lru_cache(maxsize=4096)
def compile(source: str) -> Compiled:
    """The compiled expression; raises BadExpression."""
    if len(source.encode()) > MAX_SOURCE_BYTES:
        raise BadExpression(f"expected an expression of at most {MAX_SOURCE_BYTES} bytes, came {len(source.encode())}")
    if not source.strip():
        raise BadExpression("expected an expression, came nothing")
    if paths.macro_depth(source) > MAX_MACRO_DEPTH:
        raise BadExpression(f"expected map, filter, all and exists at most {MAX_MACRO_DEPTH} deep in each other")
    try:
        return Compiled(source, _env.compile(source))
    except Exception as error:
        raise BadExpression(_compile_problem(str(error))) from None


def evaluator_of_bool(source: str, evaluate: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], bool]:
    """`evaluate`, with an ExpressionError for whatever is neither true nor false."""

    def condition(scope: dict[str, Any]) -> bool:
        value = evaluate(scope)
        if value is True or value is False:
            return value
        raise ExpressionError(f"cannot evaluate {show(source)}: expected true or false, came {show(value)}")

    return condition


def _tree(found: set[paths.Path]) -> _Tree:
    """The paths as nested keys; True where everything below is needed. Items of lists are not told apart."""
    tree: _Tree = {}
    for path in found:
        keys = list(path)
        if any(isinstance(key, int) for key in keys):
            keys = keys[: next(i for i, key in enumerate(keys) if isinstance(key, int))]
        node = tree
        for key in keys[:-1]:
            node = node.setdefault(str(key), {})
            if node is True:
                break
        else:
            node[str(keys[-1])] = True
    return tree


def _take(value: Any, tree: _Tree | bool, max_items: int | None) -> Any:
    """Only what the expression reads, so that the rest of a large input costs nothing and cannot be wrong."""
    if tree is True or type(value) is not dict:
        if type(value) not in _SCALARS:
            _check(value, max_items)
        return value
    assert isinstance(tree, dict)
    return {key: _take(value[key], below, max_items) for key, below in tree.items() if key in value}


def _check(value: Any, max_items: int | None) -> None:
    """Raise ExpressionError for what CEL or JSON cannot hold; level by level, so that depth is no danger."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if kind in _SCALARS:
                continue
            if kind is list:
                if max_items is not None and len(item) > max_items:
                    raise ExpressionError(f"map and filter take at most {max_items} items, came {len(item)}")
                below += item
            elif kind is dict:
                _check_keys(item)
                below += item.values()
            else:
                _check_number(item)
        if not below:
            return
        level = below
    raise ExpressionError(f"expected at most {MAX_DEPTH} levels of nesting, came more")


def _check_keys(value: dict[Any, Any]) -> None:
    for key in value:
        if type(key) is not str:
            raise ExpressionError(f"expected texts as keys, came {show(key)}")


def _check_number(value: Any) -> None:
    if type(value) is int:
        if value not in _INT64:
            raise ExpressionError(
                f"the integer {show(value)} does not fit into 64 bits; only a plain path can carry it"
            )
    elif type(value) is not float:
        raise ExpressionError(f"expected a JSON value, came {type(value).__name__}; use string(…)")
    elif not math.isfinite(value):
        raise ExpressionError(f"expected a number that JSON can say, came {value}")


def _compile_problem(message: str) -> str:
    match = _COMPILE_ERROR.search(message)
    if not match or int(match[2]) < 1:
        deep = "recursion" in message
        return "bad CEL: " + ("too deep or too long; at most 32 levels" if deep else _reason(message.splitlines()[0]))
    text = match[3].replace(" (in container '')", "")
    if "'<EOF>'" in text:
        text = "the expression ends too early"
    elif "undeclared reference" in text:
        text += f"; there are: {', '.join(paths.ROOTS)}"
    return f"bad CEL at column {match[2]}: {text.split(' expecting {')[0]}"


def _reason(message: str) -> str:
    text = _CODE.sub("", re.sub(r" \[[A-Z_]+\]$", "", message))
    if match := _NO_OVERLOAD.search(text):
        text = f"cannot compute {match[1].replace('_', ' ').strip()} of {match[2].replace('int64', 'int')}"
        if {"double", "int64"} <= set(re.findall(r"\w+", match[2])):
            text += "; write numbers as 2.0, or convert with double(…)"
    elif match := _NO_KEY.search(text):
        text = f"no such field: {match[1] or match[2]}"
    elif "Iteration budget" in text:
        text = "it loops too often (more than about 10,000 times)"
    elif "construction from null" in text:
        text = "a text in the input is not valid Unicode"
    return text if len(text) <= 300 else text[:297] + "..."
