"""What a registered function is, worked out once: its kind, its context, how its input is read.

Must not run anything: `_runner` does. Public for tools that list handlers.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from stellwerk._convert import Converter, converter, resolve
from stellwerk.context import TaskContext
from stellwerk.payload import decode
from stellwerk.v1.payload_pb2 import Payload

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class HandlerKind(Enum):
    """How a handler is run: on the event loop or in a thread, in one go or chunk by chunk."""

    ASYNC = "async"
    SYNC = "sync"
    ASYNC_GENERATOR = "async generator"
    GENERATOR = "generator"


@dataclass(frozen=True, slots=True)
class HandlerPlan:
    """A handler ready to be called: nothing about it is inspected again while tasks run."""

    action: str
    function: Callable[..., Any]
    kind: HandlerKind
    takes_context: bool
    convert: Converter | None

    @property
    def threaded(self) -> bool:
        """True when the handler runs in a thread, so that it may block."""
        return self.kind in (HandlerKind.SYNC, HandlerKind.GENERATOR)

    def read(self, payload: Payload) -> Any:
        """The handler's argument. Raises InputError naming the field that does not fit."""
        value = decode(payload)
        return value if self.convert is None else self.convert(value, "input")


def plan(action: str, function: Callable[..., Any]) -> HandlerPlan:
    """Work out how to call a handler.

    Raises TypeError when it is not callable, takes no input, or its annotation cannot be read from JSON.
    """
    if not action:
        raise TypeError(f"action: expected a non-empty string, came {action!r}")
    if not callable(function):
        raise TypeError(f"handler of {action!r}: expected a function, came {type(function).__name__}")
    parameters = _parameters(action, function)
    return HandlerPlan(
        action=action,
        function=function,
        kind=_kind(function),
        takes_context=len(parameters) > 1 and _is_context(parameters[1]),
        convert=input_converter(f"handler of {action!r}", function, parameters[0]),
    )


def _parameters(action: str, function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The positional parameters, at least one."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # a built-in that does not tell its signature: it gets the input
        return [inspect.Parameter("input", inspect.Parameter.POSITIONAL_ONLY)]
    every = list(signature.parameters.values())
    if every and every[0].kind is inspect.Parameter.VAR_POSITIONAL:
        return every[:1]
    found = [parameter for parameter in every if parameter.kind in _POSITIONAL]
    needed = [parameter for parameter in found if parameter.default is inspect.Parameter.empty]
    if not found or len(needed) > 2:
        raise TypeError(f"handler of {action!r}: expected (input) or (input, ctx), came {signature}")
    return found


def _is_context(parameter: inspect.Parameter) -> bool:
    """A second parameter with a default is the handler's own, unless its name or annotation says context."""
    if parameter.default is inspect.Parameter.empty or parameter.name in ("ctx", "context"):
        return True
    return parameter.annotation is TaskContext or str(parameter.annotation).endswith("TaskContext")


def body_of(function: Any) -> Any:
    """The plain function inside partials, decorators, bound methods and objects with `__call__`."""
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function) and not inspect.isclass(function):
        function = type(function).__call__
    return inspect.unwrap(getattr(function, "__func__", function))


def _kind(function: Callable[..., Any]) -> HandlerKind:
    body = type(function).__call__ if not inspect.isroutine(function) else function
    for candidate in (function, body):
        if inspect.isasyncgenfunction(candidate):
            return HandlerKind.ASYNC_GENERATOR
        if inspect.iscoroutinefunction(candidate):
            return HandlerKind.ASYNC
        if inspect.isgeneratorfunction(candidate):
            return HandlerKind.GENERATOR
    return HandlerKind.SYNC


def input_converter(of: str, function: Callable[..., Any], parameter: inspect.Parameter) -> Converter | None:
    """What makes the annotated input of the JSON value that comes; None: it is passed on. Raises TypeError."""
    if parameter.annotation is inspect.Parameter.empty:
        return None
    try:
        return converter(resolve(body_of(function), parameter.annotation))
    except NameError as error:
        raise TypeError(
            f"{of}: the annotation of {parameter.name!r} cannot be resolved ({error}); define the class at module level"
        ) from error
    except TypeError as error:
        raise TypeError(f"{of}, parameter {parameter.name!r}: {error}") from error
