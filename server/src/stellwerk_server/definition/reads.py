"""Which steps an expression reads, and whether it may: what is finished before it, by names that exist."""

from __future__ import annotations

from collections.abc import Iterator

from stellwerk_server.definition.graph import Graph
from stellwerk_server.definition.paths import Path, written
from stellwerk_server.definition.problems import Problems, suggest

# Reading `steps` as a whole means every ancestor, in every step that does it.
MAX_WHOLE_READS = 200_000
_STEP_FIELDS = ("output", "state")


class Reads:
    """Resolves the paths of expressions to step ids; without a graph (a broken one) less is checked."""

    def __init__(self, ids: list[str], index_of: dict[str, int], graph: Graph | None, problems: Problems) -> None:
        self._ids = ids
        self._index_of = index_of
        self._graph = graph
        self._problems = problems
        self._whole = 0

    def of(self, found: set[Path], reader: int | None, path: str, *, item: bool = False) -> frozenset[str]:
        """The ids read at `path` by step `reader` (None: the end of the run); `item`: per item."""
        ids: set[str] = set()
        for read in sorted(found, key=str):
            if read[0] in ("item", "index") and not item:
                self._problems.add(path, f"{read[0]} exists only in the input of a step with foreach")
            elif read[0] == "steps" and len(read) > 1:
                ids.update(self._one(read, reader, path))
            elif read[0] == "steps":
                ids.update(self._all(reader, path))
        return frozenset(ids)

    def _one(self, read: Path, reader: int | None, path: str) -> Iterator[str]:
        step_id = str(read[1])
        index = self._index_of.get(step_id)
        if index is None:
            self._problems.add(path, f"{written(read)}: no step {step_id!r}{self._hint(step_id)}")
        elif not self._may(reader, index):
            self._problems.add(path, f"{written(read)}: {step_id!r} is not among the needs of this step or their needs")
        elif len(read) > 2 and read[2] not in _STEP_FIELDS:
            self._problems.add(path, f"{written(read)}: a step has output and state, no {read[2]!r}")
        else:
            yield step_id

    def _all(self, reader: int | None, path: str) -> Iterator[str]:
        if self._graph is None:
            return
        count = len(self._ids) if reader is None else self._graph.before[reader].bit_count()
        self._whole += count
        if self._whole > MAX_WHOLE_READS:
            self._problems.add(
                path, "too many expressions read all steps before them; name steps, as in steps.a.output"
            )
        else:
            yield from (i for index, i in enumerate(self._ids) if self._may(reader, index))

    def _may(self, reader: int | None, index: int) -> bool:
        return reader is None or self._graph is None or bool(self._graph.before[reader] >> index & 1)

    def _hint(self, step_id: str) -> str:
        """An id with a dash reads as a subtraction after a dot."""
        if self._problems.full:
            return ""
        dashed = next((i for i in self._ids if i.startswith(step_id + "-")), None)
        return f'; write steps["{dashed}"]' if dashed else suggest(step_id, self._index_of)
