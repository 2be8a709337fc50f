"""Turns YAML or JSON text into a checked `WorkflowDefinition`, naming all that is wrong with it at once.

Knows the language of definitions and nothing of runs, databases or calls; imports only `model` and libraries.
"""

from __future__ import annotations

import hashlib
import json

from stellwerk_server.definition.build import build
from stellwerk_server.definition.normal import normalise
from stellwerk_server.definition.problems import Problems
from stellwerk_server.definition.source import read
from stellwerk_server.model.code import code_workflow
from stellwerk_server.model.definition import WorkflowDefinition

__all__ = ["compile", "digest", "of_code", "parse"]


def parse(text: str) -> WorkflowDefinition:
    """The definition written in `text` (YAML, or JSON when it starts with a brace), at most 1 MiB.

    Raises InvalidArgument with every problem, each with its path. Up to a second for the largest texts:
    call it in a thread.
    """
    problems = Problems()
    raw = read(text, problems)
    problems.raise_if_any()
    document = normalise(raw, problems)
    canonical = json.dumps(document.value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    # Built from its canonical text, so that a definition does the same before and after it was stored.
    definition = build(json.loads(canonical), canonical, document.places, problems)
    problems.raise_if_any()
    assert definition is not None
    return definition


def compile(canonical: str) -> WorkflowDefinition:
    """The definition behind the `canonical` text of an earlier `parse` or `of_code`; the text is trusted."""
    problems = Problems()
    value = json.loads(canonical)
    if "code" in value:
        return code_workflow(value["name"], value["code"]["queue"], canonical)
    definition = build(value, canonical, None, problems)
    problems.raise_if_any()
    assert definition is not None
    return definition


def of_code(name: str, queue: str) -> WorkflowDefinition:
    """The definition of a workflow that is code, which workers of that queue decide."""
    canonical = json.dumps({"code": {"queue": queue}, "name": name}, separators=(",", ":"))
    return code_workflow(name, queue, canonical)


def digest(definition: WorkflowDefinition) -> bytes:
    """The identity of the content: SHA-256 of the canonical JSON."""
    return hashlib.sha256(definition.canonical.encode()).digest()
