"""Makes an async function that talks to a server a command: the common options, a client, errors as one line."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer

from stellwerk import Client
from stellwerk_server.cli.output import Output
from stellwerk_server.cli.problems import INTERRUPTED, report

# How long a server may be away before a command gives up; one that waits for a run is more patient once connected.
QUICK_S = 2.0
PATIENT_S = 60.0

Address = Annotated[
    str | None, typer.Option(help="host:port of the server", envvar="STELLWERK_ADDRESS", show_default="127.0.0.1:7400")
]
Token = Annotated[str | None, typer.Option(help="bearer token", envvar="STELLWERK_TOKEN", show_envvar=True)]
Namespace = Annotated[str | None, typer.Option(help="namespace", envvar="STELLWERK_NAMESPACE", show_default="default")]
Json = Annotated[bool, typer.Option("--json", help="print JSON, one document or one a line")]

_KEYWORD = inspect.Parameter.KEYWORD_ONLY
COMMON = [
    inspect.Parameter("address", _KEYWORD, default=None, annotation=Address),
    inspect.Parameter("token", _KEYWORD, default=None, annotation=Token),
    inspect.Parameter("namespace", _KEYWORD, default=None, annotation=Namespace),
    inspect.Parameter("as_json", _KEYWORD, default=False, annotation=Json),
]

F = TypeVar("F", bound=Callable[..., Awaitable[int | None]])


def group(help: str) -> typer.Typer:
    """A command that only holds others."""
    return typer.Typer(help=help, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


def command(parent: typer.Typer, name: str, *, patient: bool = False) -> Callable[[F], F]:
    """Register `async def (client, out, own options…) -> exit status` as a command of `parent`.

    `patient` is for what waits for a run: it lives through a restart of the server.
    """

    def decorate(function: F) -> F:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[2:]
        parameters = [*(p.replace(kind=_KEYWORD) for p in own), *COMMON]

        def call(
            *, address: str | None, token: str | None, namespace: str | None, as_json: bool, **options: Any
        ) -> None:
            out = Output(as_json)

            async def connected() -> int | None:
                if patient:
                    async with Client(address, token=token, namespace=namespace, retry_s=QUICK_S) as probe:
                        await probe.server()
                retry_s = PATIENT_S if patient else QUICK_S
                async with Client(address, token=token, namespace=namespace, retry_s=retry_s) as client:
                    return await function(client, out, **options)

            finish(lambda: asyncio.run(connected()), as_json)

        call.__name__ = function.__name__
        call.__doc__ = function.__doc__
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what inspect looks for
        call.__annotations__ = {p.name: p.annotation for p in parameters}
        parent.command(name)(call)
        return function

    return decorate


def finish(body: Callable[[], int | None], as_json: bool = False) -> None:
    """Run the body of a command and end with its exit status; whatever it raises becomes one line."""
    try:
        status = body() or 0
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Exception as error:
        status = report(error, as_json)
    raise typer.Exit(status)
