"""The sides and what they stand before: many copies of one setting (slots), each for one schedule. Explores nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from stellwerk_server import definition
from stellwerk_server.commit.outcome import Started
from stellwerk_server.commit.poll import Grant
from stellwerk_server.model import commands as c
from stellwerk_server.model.errors import StellwerkError
from stellwerk_server.model.events import SECOND, TimerKind
from stellwerk_server.model.payload import from_value
from stellwerk_server.store import workflows as workflow_rows
from tests.interleave.plays import Stage
from tests.interleave.sides import Side, World
from tests.model import virtual
from tests.model.virtual import Database

# Every timer that a setting leaves is due by then, and every key of it has expired.
NOW = virtual.START + 100 * SECOND
CODE = "code"
# Not truncate: its files cost more than these few rows.
_EMPTY = b"""
delete from runs; delete from steps; delete from events; delete from ready; delete from leases; delete from timers;
delete from children; delete from dead_letters; delete from idempotency_keys; delete from chunks;
delete from published; delete from attributes; delete from parked; delete from moves;
"""
Make = Callable[["Slot"], list[c.Command]]


@dataclass
class Slot:
    """One copy of a setting: workflows on a queue of their own, so that no claim of another copy meets its tasks."""

    number: int
    world: World
    workflows: list[c.Workflow]
    runs: list[int] = field(default_factory=list)
    # What is handed out now, by the number of the run and the step, and what was before.
    held: dict[tuple[int, str], Grant] = field(default_factory=dict)
    old: dict[tuple[int, str], Grant] = field(default_factory=dict)

    @property
    def lanes(self) -> list[int]:
        """Where its tasks wait."""
        return sorted({lane for workflow in self.workflows for lane in workflow.lanes if lane})

    def start(self, workflow: int = 0, **fields: object) -> c.StartRun:
        """A start with a run id of its own."""
        command = c.StartRun(self.world.ids.next(), self.workflows[workflow], from_value({"n": 1, "items": [1, 2]}))
        return command._replace(**fields)  # type: ignore[arg-type]  # fields of StartRun

    def take(self, grants: Iterable[Grant]) -> None:
        """Note what was handed out; a run that is not known yet is a child."""
        mine = {workflow.id for workflow in self.workflows}
        for grant in grants:
            if grant.workflow.id in mine:
                if grant.run_id not in self.runs:
                    self.runs.append(grant.run_id)
                place = (self.runs.index(grant.run_id), grant.step)
                if place in self.held:
                    self.old[place] = self.held[place]
                self.held[place] = grant


class Crew:
    """Three servers on one database, and the hand that resets it."""

    def __init__(self, world: World, database: Database, sides: Sequence[Side], stage: Stage) -> None:
        self.world = world
        self.database = database
        self.sides = sides
        self.stage = stage
        # Who makes the settings, and so has their runs in its cache.
        self.host = 0
        self._workflows: dict[tuple[str, int], c.Workflow] = {}
        self._by_id: dict[int, c.Workflow] = {}

    def clear(self) -> None:
        """No runs any more."""
        self.database.connection.execute(_EMPTY)
        self.database.set_clock(virtual.START)

    async def slots(self, texts: Sequence[str], first: int, count: int) -> list[Slot]:
        """New copies, with their workflows and nothing else."""
        made = []
        for number in range(first, first + count):
            workflows = [await self._workflow(text, number) for text in texts]
            made.append(Slot(number, self.world, workflows))
        return made

    async def _workflow(self, text: str, number: int) -> c.Workflow:
        known = self._workflows.get((text, number))
        if known is None:
            registry, name = self.world.workflows, f"code_s{number}_"
            queue = f"q{number}"
            code = text == CODE
            parsed = definition.of_code(name, queue) if code else definition.parse(text.replace("%n", str(number)))
            namespace = await registry.namespace_id("default")
            async with self.world.pool.connection() as connection:
                canonical = parsed.canonical
                row, _ = await workflow_rows.apply(
                    connection, namespace, parsed.name, definition.digest(parsed), canonical
                )
            known = await registry.by_id(row.id)
            if code:
                known = known._replace(lanes=(*known.lanes, await registry.lane(namespace, queue, "x")))
            self._workflows[text, number] = self._by_id[known.id] = known
        return known

    def workflow(self, number: int) -> c.Workflow:
        """The workflow with that row id."""
        return self._by_id[number]

    async def begin(self, slots: Sequence[Slot], *, hold: bool, runs: int = 1) -> None:
        """Start runs in every slot; with `hold` their first tasks are handed out."""
        await self.do(slots, lambda slot: [slot.start() for _ in range(runs)], hold=hold)

    async def do(self, slots: Sequence[Slot], make: Make, *, hold: bool = False) -> None:
        """Have these commands carried out in every slot."""
        commands = [command for slot in slots for command in make(slot)]
        lanes = [lane for slot in slots for lane in slot.lanes] if hold else []
        for slot in slots:
            mine = {workflow.id for workflow in slot.workflows}
            starts = [x for x in commands if isinstance(x, c.StartRun)]
            slot.runs += [x.run_id for x in starts if x.workflow.id in mine and x.run_id not in slot.runs]
        outcomes, grants = await self.sides[self.host].hold(lanes, commands)
        refused = [outcome for outcome in outcomes if isinstance(outcome, StellwerkError)]
        assert not refused, refused
        assert not [outcome for outcome in outcomes if isinstance(outcome, Started) and outcome.deduplicated]
        for slot in slots:
            slot.take(grants)

    async def bring_news(self) -> None:
        """Let runs hear of their children's ends and of their parents'."""
        while rows := self.database.rows("select * from timers where kind >= %s", TimerKind.CHILD_ENDED):
            fires = [c.FireTimer(x["run_id"], x["step"], TimerKind(x["kind"]), x["due_at"]) for x in rows]
            await self.sides[0].submit(fires)
