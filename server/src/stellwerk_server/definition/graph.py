"""The order of steps: what each needs, cycles, and which steps come before which.."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stellwerk_server.definition.problems import Problems, child, show, suggest


@dataclass(frozen=True, slots=True)
class Graph:
    """Needs and dependents of each step, as indexes; `before[i]` has bit j set when j is an ancestor of i."""

    needs: list[tuple[int, ...]]
    dependents: list[tuple[int, ...]]
    before: list[int]


def connect(
    steps: list[dict[str, Any]], index_of: dict[str, int], paths: list[str], problems: Problems
) -> Graph | None:
    """The graph of the steps, None when something is wrong. Without any `needs` they are a sequence."""
    before = len(problems)
    if any("needs" in step for step in steps):
        needs = [_needs(step, index_of, path, problems) for step, path in zip(steps, paths, strict=True)]
    else:
        needs = [(i - 1,) if i else () for i in range(len(steps))]
    if len(problems) > before:
        return None
    dependents: list[list[int]] = [[] for _ in steps]
    for index, needed in enumerate(needs):
        for need in needed:
            dependents[need].append(index)
    order = _topological(needs, dependents)
    if len(order) < len(steps):
        cycle = _cycle(needs, set(range(len(steps))).difference(order))
        path = child(paths[cycle[0]], "needs")
        problems.add(path, f"expected no cycle, came {_shown([str(steps[i]['id']) for i in cycle])}")
        return None
    return Graph(needs, [tuple(d) for d in dependents], _ancestors(needs, order))


def _needs(step: dict[str, Any], index_of: dict[str, int], path: str, problems: Problems) -> tuple[int, ...]:
    needs = step.get("needs", [])
    path = child(path, "needs")
    if not isinstance(needs, list):
        problems.add(path, f"expected a list of step ids, came {show(needs)}")
        return ()
    found: dict[int, None] = {}
    for i, need in enumerate(needs):
        if not isinstance(need, str) or need not in index_of:
            hint = suggest(need, index_of) if isinstance(need, str) and not problems.full else ""
            problems.add(child(path, i), f"expected the id of a step, came {show(need)}{hint}")
        elif need == step.get("id"):
            problems.add(child(path, i), f"a step cannot need itself, came {show(need)}")
        elif index_of[need] in found:
            problems.add(child(path, i), f"{show(need)} is already among the needs")
        else:
            found[index_of[need]] = None
    return tuple(found)


def _topological(needs: list[tuple[int, ...]], dependents: list[list[int]]) -> list[int]:
    """Every step after its needs; steps on or behind a cycle are left out."""
    missing = [len(needed) for needed in needs]
    order = [i for i, count in enumerate(missing) if count == 0]
    for index in order:
        for dependent in dependents[index]:
            missing[dependent] -= 1
            if missing[dependent] == 0:
                order.append(dependent)
    return order


def _cycle(needs: list[tuple[int, ...]], among: set[int]) -> list[int]:
    """One cycle, beginning and ending with its first step. Each of `among` needs another of `among`."""
    seen: dict[int, int] = {}
    trail: list[int] = []
    at = min(among)
    while at not in seen:
        seen[at] = len(trail)
        trail.append(at)
        at = next(need for need in needs[at] if need in among)
    # Followed from need to need, so turned round: a -> b means that b comes after a.
    cycle = trail[seen[at] :][::-1]
    start = cycle.index(min(cycle))
    cycle = cycle[start:] + cycle[:start]
    return [*cycle, cycle[0]]


def _shown(ids: list[str]) -> str:
    return " -> ".join(ids if len(ids) <= 20 else [*ids[:10], f"({len(ids) - 20} more)", *ids[-10:]])


def _ancestors(needs: list[tuple[int, ...]], order: list[int]) -> list[int]:
    before = [0] * len(needs)
    for index in order:
        mask = 0
        for need in needs[index]:
            mask |= before[need] | (1 << need)
        before[index] = mask
    return before
