"""I1 and I15: which run a start has made, and that nothing is seen or changed from another namespace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from stellwerk_server.model.events import EventType
from tests.faults.checker.database import History
from tests.faults.checker.findings import Finding
from tests.faults.checker.logs import Call
from tests.faults.checker.rule import Rule, Scene, same, shown, value
from tests.faults.records import FAIL


class Starts(Rule):
    """One run a (namespace, workflow, idempotency key) and a request id; every OK names it, and it is there."""

    invariant = "I1"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        # Child runs with their parents, and those that the histories of parents name.
        self._children: dict[str, tuple[str, str]] = {}
        self._named: set[str] = set()

    def of_run(self, run: History) -> Iterator[Finding]:
        data = run.events[0].data or {}
        if "parent" in data and "continued_from" not in data:
            self._children[run.shown] = (data["parent"], data["step"])
        self._named |= {(e.data or {})["child"] for e in run.events if e.type is EventType.STEP_CHILD_STARTED}
        yield from ()

    def at_end(self) -> Iterator[Finding]:
        by_key: dict[tuple[str, ...], list[Call]] = defaultdict(list)
        for call in self.logs.of("start"):
            if not call.ok:
                continue
            self.looked += 1
            yield from self._is_there(call)
            place = (call.namespace, call.args["workflow"])
            if call.args.get("key"):
                by_key[(*place, "key", call.args["key"])].append(call)
            if call.args.get("request_id"):
                by_key[(*place, "request", call.args["request_id"])].append(call)
        for (_, _, what, key), calls in by_key.items():
            yield from self._one(f"{what} {key}", calls)
        yield from self._one_row()
        yield from self._refused()
        for child, place in self._children.items():
            if child not in self._named:
                yield self.found("one child run a step", f"{child}, which its parent does not know", *place)
        for child in self._named - {head.shown for head in self.final.heads.values()}:
            yield self.found("a child run that its parent names", "no such run", child)

    def _is_there(self, call: Call) -> Iterator[Finding]:
        head = self.final.head(call.run_id)
        if head is None:
            yield self.found("an acknowledged start in the database", "no such run", call.run_id, calls=[call])
        elif (head.workflow, head.key or "") != (call.args["workflow"], call.args.get("key") or ""):
            asked = f"workflow {call.args['workflow']}, key {call.args.get('key')}"
            yield self.found(asked, f"workflow {head.workflow}, key {head.key}", call.run_id, calls=[call])
        elif not same(head.input, call.args.get("input")):
            asked = f"a run with the input {shown(call.args.get('input'))}"
            yield self.found(asked, shown(value(head.input)), call.run_id, calls=[call])

    def _one(self, what: str, calls: list[Call]) -> Iterator[Finding]:
        named = sorted({call.run_id for call in calls})
        if len(named) > 1:
            yield self.found(f"one run for {what}", f"{len(named)}: {', '.join(named[:5])}", named[1], calls=calls)
        new = {call.args.get("request_id") for call in calls if call.told("deduplicated") is False}
        if what.startswith("key") and len(new) > 1 and len(named) == 1:
            yield self.found(f"one start that is new for {what}", f"{len(new)}", named[0], calls=calls)

    def _one_row(self) -> Iterator[Finding]:
        seen: dict[tuple[str, str, str], str] = {}
        for head in self.final.heads.values():
            if head.key is not None:
                first = seen.setdefault((head.namespace, head.workflow, head.key), head.shown)
                if first != head.shown:
                    yield self.found(f"one run for key {head.key}", f"{first} and {head.shown}", head.shown)

    def _refused(self) -> Iterator[Finding]:
        """A start that was refused has made no run, if it was never sent otherwise."""
        made = {head.request: head.shown for head in self.final.heads.values() if head.request}
        sent: dict[str, list[Call]] = defaultdict(list)
        for call in self.logs.of("start"):
            sent[call.args.get("request_id") or ""].append(call)
        for request, calls in sent.items():
            if request in made and all(call.kind == FAIL for call in calls):
                yield self.found("no run of a start that was refused", calls[0].error, made[request], calls=calls)


class Namespaces(Rule):
    """Every payload begins with its own namespace, no call reaches into another one, and no ledger line strays."""

    invariant = "I15"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._taints = self.logs.namespaces()

    def of_run(self, run: History) -> Iterator[Finding]:
        own = run.head.namespace
        for name, taint in self._taints.items():
            needle = f'"{taint}'.encode()
            if name != own:
                strays = [payload for payload in _payloads(run) if needle in payload]
                if strays:
                    yield self.found(f"payloads of {own} alone", f"{strays[0][:80]!r}", run.shown)
        for effect in self.logs.effects(run.shown):
            self.looked += 1
            astray = effect.value and not effect.value.startswith(self._taints.get(own, f"{own}/"))
            if effect.namespace != own or astray:
                came = f"{effect.worker} of {effect.namespace} wrote {effect.value!r}"
                yield self.found(f"a worker of {own}", came, run.shown, effect.step)

    def at_end(self) -> Iterator[Finding]:
        for call in self.logs.calls:
            if call.f == "peek":
                self.looked += 1
                yield from self._hidden(call)
            elif call.ok and call.run_id:
                head = self.final.head(call.run_id)
                if head is not None and head.namespace != call.namespace:
                    came = f"one of {head.namespace}"
                    yield self.found(f"a run of {call.namespace}", came, call.run_id, calls=[call])

    def _hidden(self, call: Call) -> Iterator[Finding]:
        denied = call.kind == FAIL and "RUN_NOT_FOUND" in call.error
        if call.ok or (call.kind == FAIL and not denied):
            came = "OK" if call.ok else call.error
            yield self.found("RUN_NOT_FOUND from another namespace", came, call.run_id, calls=[call])


def _payloads(run: History) -> Iterator[bytes]:
    rows = (run.row, *run.steps.values(), *run.dead)
    held = [row.get(name) for row in rows for name in ("input", "output")]
    held += [event.payload for event in run.events]
    yield from (payload for payload in (*held, *run.payloads) if payload)
