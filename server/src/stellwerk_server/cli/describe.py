"""A run as text for people: a head, one line a step, and how it ended. Must not ask the server anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stellwerk import Cause, CauseKind, Explanation, Failure, Run, Step, StepState
from stellwerk_server.cli.output import STATE_STYLES, cell, clock, plain, pretty_json, short, took

# Items of a foreach that went well are summed up; of the others so many are shown.
ITEMS_SHOWN = 20
_PAYLOAD_SHOWN = 600


def value(output: object) -> str:
    """A payload over as many lines as it takes."""
    return plain(output if isinstance(output, str) else pretty_json(output))


def state_text(state: str) -> Text:
    """A state in its colour."""
    return Text(state, style=STATE_STYLES.get(state, ""))


def run(shown: Run, console: Console) -> None:
    """Print the run, what it shows, its steps and its end."""
    console.print(head(shown))
    for line in about(shown):
        console.print(line)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("STEP", "STATE", "ATTEMPT", "TOOK", "NOTE"):
        table.add_column(title, overflow="fold", no_wrap=title != "NOTE")
    for step in interesting(shown.steps):
        table.add_row(
            cell(f"  {step.step}" if is_item(step) else step.step),
            state_text(step.state),
            cell(attempts(step)),
            cell(took(step.start_time or step.ready_time, step.end_time)),
            Text(note(step)),
        )
    console.print(table)
    console.print(end(shown))


def head(shown: Run) -> Text:
    """Id, workflow, state and times."""
    text = Text.assemble((shown.run_id, "bold"), f"  {plain(shown.workflow)} v{shown.version}  ")
    text.append_text(state_text(shown.state))
    text.append(f"  {clock(shown.create_time)}")
    if shown.end_time:
        text.append(f"  took {took(shown.create_time, shown.end_time)}")
    if shown.forked_from:
        text.append(f"  forked from {shown.forked_from}")
    if shown.parent_run_id:
        text.append(f"  step {plain(shown.parent_step)} of {shown.parent_run_id}")
    return text


def about(shown: Run) -> Iterator[Text]:
    """What only runs of code have: what they wait for, are found by, and show."""
    if shown.waiting_for:
        yield Text(f"waits    {plain(shown.waiting_for)}", style="yellow")
    if shown.attributes:
        yield Text(f"found by {short(shown.attributes, _PAYLOAD_SHOWN)}")
    for key, each in sorted(shown.published.items()):
        yield Text(f"shows    {plain(key)}  {short(each, _PAYLOAD_SHOWN)}")


def end(shown: Run) -> Text:
    """The output, the failure, the run that goes on, or why the run does not."""
    if shown.failure is not None:
        return Text(f"failure  {failure_line(shown.failure)}", style="red")
    if shown.block_reason:
        return Text(f"blocked  {plain(shown.block_reason)}", style="yellow")
    if shown.continued_as:
        return Text(f"goes on as {shown.continued_as}")
    if shown.state.terminal:
        return Text(f"output   {short(shown.output, _PAYLOAD_SHOWN)}")
    return Text(f"input    {short(shown.input, _PAYLOAD_SHOWN)}", style="dim")


def waits(found: Explanation) -> Text:
    """What an open run waits for, in a line."""
    return Text(f"waits    {plain(found.summary)}", style=_CAUSE_STYLES.get(found.causes[0].kind, ""))


def explanation(found: Explanation, console: Console) -> None:
    """Print what a run waits for: a head, then one cause a line with the facts that its sentence has not."""
    head = Text.assemble((found.run_id, "bold"), "  ")
    head.append_text(state_text(found.state))
    head.append(f"  as of {clock(found.now)}")
    if found.deadline and not found.state.terminal:
        head.append(f"  times out at {clock(found.deadline)}")
    console.print(head)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("CAUSE", "STEP", "BECAUSE"):
        table.add_column(title, overflow="fold", no_wrap=title != "BECAUSE")
    for cause in found.causes:
        kind = Text(cause.kind, style=_CAUSE_STYLES.get(cause.kind, ""))
        table.add_row(kind, cell(cause.step), Text(plain(cause.sentence) + ids_of(cause)))
    console.print(table)
    if found.more_causes:
        console.print(Text(f"and {found.more_causes} other causes", style="dim"))


def ids_of(cause: Cause) -> str:
    """What a next command needs to be told."""
    return f"  [{plain(cause.dead_letter_id)}]" if cause.dead_letter_id else ""


def failure_line(failure: Failure) -> str:
    """Type, message and place of a failure."""
    where = f" (step {failure.step}, attempt {failure.attempt})" if failure.step else ""
    return plain(" ".join(f"{failure.type}: {failure.message}{where}".split()))


def note(step: Step) -> str:
    """The one thing about a step that says most: what it waits for, its failure, or how far it is."""
    if step.waiting_for:
        return plain(step.waiting_for)
    if step.items:
        return f"{step.items_finished} of {step.items}"
    if step.failure is not None and step.state is not StepState.SUCCEEDED:
        retry = f"; again at {clock(step.due_time)}" if step.due_time else ""
        return f"{plain(step.failure.type)}: {short(step.failure.message, 200)}{retry}"
    if step.state is StepState.WAITING and step.due_time:
        return f"until {clock(step.due_time)}"
    if step.state is StepState.LEASED:
        progress = f"  {short(step.progress, 60)}" if step.progress is not None else ""
        return f"on {plain(step.worker_id)}{progress}"
    return f"after {', '.join(step.needs)}" if step.state is StepState.PENDING and step.needs else ""


def attempts(step: Step) -> str:
    """Which attempt it is, of how many."""
    return f"{step.attempt} of {step.max_attempts}" if step.attempt and step.max_attempts else ""


def is_item(step: Step) -> bool:
    """True for an item of a foreach."""
    return step.step.endswith("]")


def interesting(steps: Iterable[Step], most: int = ITEMS_SHOWN) -> Iterator[Step]:
    """All steps, but of the items of a foreach only those people look for: failed, waiting, at work."""
    shown = 0
    for step in steps:
        if not is_item(step):
            shown = 0
            yield step
        elif shown < most and (step.failure is not None or step.waiting_for or step.state in _ITEM_STATES):
            shown += 1
            yield step


_ITEM_STATES = frozenset({StepState.LEASED, StepState.WAITING, StepState.FAILED, StepState.DEAD})
# What somebody has to do something about.
_CAUSE_STYLES = {
    CauseKind.STALLED: "red",
    CauseKind.DATABASE_DOWN: "red",
    CauseKind.DEAD_LETTER: "red",
    CauseKind.PARKED: "red",
    CauseKind.NO_WORKER: "yellow",
    CauseKind.WORKERS_BUSY: "yellow",
}
