"""What may be registered as a workflow, for one worker or for all of the program. Must not run anything."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from stellwerk._convert import Converter
from stellwerk.handler import body_of, input_converter
from stellwerk.payload import decode
from stellwerk.v1.payload_pb2 import Payload

F = TypeVar("F", bound=Callable[..., Any])

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, slots=True)
class WorkflowPlan:
    """A workflow's code ready to be run: nothing about it is inspected again."""

    name: str
    function: Callable[..., Any]
    takes_input: bool
    convert: Converter | None

    def call(self, ctx: Any, payload: Payload) -> Any:
        """The coroutine of a run. Raises InputError naming the field that does not fit."""
        if not self.takes_input:
            return self.function(ctx)
        value = decode(payload)
        return self.function(ctx, value if self.convert is None else self.convert(value, "input"))


_defined: dict[str, WorkflowPlan] = {}


def define_workflow(name: str) -> Callable[[F], F]:
    """Have every worker of the program decide the runs of this workflow; the function stays an ordinary one.

        @define_workflow("signup")
        async def signup(ctx: WorkflowContext, user: User) -> None:
            await ctx.step("send_welcome_email", user)
            await ctx.sleep("1h")
            await ctx.step("send_followup_email", user)

    Raises TypeError for what is no `async def` of (ctx) or (ctx, input), ValueError when the name is taken.
    """

    def decorate(function: F) -> F:
        if name in _defined:
            raise ValueError(f"workflow {name!r}: expected one, came a second")
        _defined[name] = plan(name, function)
        return function

    return decorate


def with_defined(own: Mapping[str, WorkflowPlan]) -> dict[str, WorkflowPlan]:
    """A worker's workflows and the program's. Raises ValueError when both have one of a name."""
    for name in own:
        if name in _defined:
            raise ValueError(f"workflow {name!r}: expected one, came a second")
    return {**_defined, **own}


def plan(name: str, function: Callable[..., Any]) -> WorkflowPlan:
    """Work out how to call a workflow's code. Raises TypeError."""
    if not name:
        raise TypeError(f"workflow: expected a non-empty string, came {name!r}")
    if not callable(function):
        raise TypeError(f"workflow {name!r}: expected a function, came {type(function).__name__}")
    if not _is_async(function):
        raise TypeError(f"workflow {name!r}: expected an async function, came {function!r}")
    signature = inspect.signature(function)
    found = [parameter for parameter in signature.parameters.values() if parameter.kind in _POSITIONAL]
    needed = [parameter for parameter in found if parameter.default is inspect.Parameter.empty]
    if not found or len(needed) > 2:
        raise TypeError(f"workflow {name!r}: expected (ctx) or (ctx, input), came {signature}")
    convert = input_converter(f"workflow {name!r}", function, found[1]) if len(found) > 1 else None
    return WorkflowPlan(name, function, len(found) > 1, convert)


def build_of(plans: Mapping[str, WorkflowPlan]) -> str:
    """Which code that is: 12 hex digits of the functions' source."""
    digest = hashlib.sha256()
    for name in sorted(plans):
        digest.update(f"{name}\0{_source(plans[name].function)}\0".encode("utf-8", "replace"))
    return digest.hexdigest()[:12]


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _source(function: Callable[..., Any]) -> str:
    body = body_of(function)
    try:
        return inspect.getsource(body)
    except (OSError, TypeError):
        code = getattr(body, "__code__", None)
        return "" if code is None else f"{code.co_code.hex()} {code.co_names!r}"
