"""What went wrong, as one clear line on stderr and an exit status; must not know any command."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, NoReturn

from stellwerk import FieldProblem, RequestError, RunFailed, StellwerkError
from stellwerk_server.cli.output import plain

FAILED = 1
MISUSED = 2
INTERRUPTED = 130


class CliError(Exception):
    """Ends the command: `status` 1 for what failed, 2 for how the command was called."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


def report(error: BaseException, as_json: bool) -> int:
    """Say on stderr what went wrong; gives the exit status. Raises what nobody foresaw with STELLWERK_DEBUG=1."""
    if os.environ.get("STELLWERK_DEBUG") == "1" and not isinstance(error, CliError | StellwerkError):
        raise error
    facts = facts_of(error)
    text = json.dumps({"error": facts}, ensure_ascii=False) if as_json else _lines(facts)
    print(text, file=sys.stderr)
    return error.status if isinstance(error, CliError) else FAILED


def facts_of(error: BaseException) -> dict[str, Any]:
    """The error as data: message, and reason, code and fields where the server gave them."""
    if isinstance(error, RequestError):
        facts: dict[str, Any] = {"message": error.message, "reason": error.reason, "code": error.code}
        fields = [{"field": problem.field, "description": problem.description} for problem in error.fields]
        return {**facts, "fields": fields, "metadata": error.metadata}
    if isinstance(error, RunFailed):
        return {"message": str(error), "reason": f"RUN_{error.state}", "run_id": error.run_id}
    if isinstance(error, OSError) and error.filename is not None:
        return {"message": f"{_text(error.filename)}: {error.strerror}"}
    if isinstance(error, CliError | StellwerkError | ValueError | OSError):
        return {"message": str(error)}
    return {"message": f"{type(error).__name__}: {error} (STELLWERK_DEBUG=1 shows where)"}


def refuse(message: str) -> NoReturn:
    """End with exit status 2: the command was called wrongly."""
    raise CliError(message, MISUSED)


def problem_lines(problems: list[FieldProblem]) -> list[str]:
    """One line for each problem of a definition."""
    return [f"{problem.field}: {problem.description}" for problem in problems]


def _lines(facts: dict[str, Any]) -> str:
    fields = [f"{each['field']}: {each['description']}" for each in facts.get("fields", [])]
    if len(fields) > 1:
        return "\n  ".join([f"error: {len(fields)} problems", *map(_one_line, fields)])
    return f"error: {_one_line(fields[0] if fields else facts['message'])}"


def _one_line(text: str) -> str:
    return plain(" ".join(text.split()))


def _text(name: object) -> str:
    return os.fsdecode(name) if isinstance(name, str | bytes) else str(name)
