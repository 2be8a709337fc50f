"""A small clean run on the real engine that writes the logs a run under faults would: what the checker is tried on.

One story after the other, no faults but one death of a worker; must leave nothing open.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

from stellwerk.v1 import dead_letter_pb2
from stellwerk_server import definition
from stellwerk_server.commit.outcome import Started
from stellwerk_server.commit.poll import Grant
from stellwerk_server.dispatch.chunks import Chunks, Parsed
from stellwerk_server.model import code as m
from stellwerk_server.model import commands as c
from stellwerk_server.model import ids, token
from stellwerk_server.model.errors import StellwerkError
from stellwerk_server.model.events import SECOND, TimerKind
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.payload import Payload, from_value, to_value
from stellwerk_server.model.states import RunState, StepState
from stellwerk_server.rpc.dead_letters import DeadLetterWrites
from stellwerk_server.rpc.forks import Forks
from stellwerk_server.store import workflows as workflow_rows
from tests.faults.checker.completions import CHUNKS, STREAM
from tests.faults.records import FAIL, INFO, INVOKE, OK, RESOURCES, RUN, Effect, Fault, Log, Operation, Resource, now
from tests.support.instance import Instance, complete, fail

ALPHA, BETA = "alpha", "beta"
TAINTS = {ALPHA: "a", BETA: "b"}
RETRY = "retry: {max_attempts: 2, initial: 100ms}"
DEFINITIONS = {
    "one": f"name: one\nsteps: [{{id: a, action: touch, {RETRY}}}]",
    "plain": f"""
name: plain
steps:
  - {{id: a, action: touch, needs: [], {RETRY}}}
  - {{id: b, action: touch, needs: [a], {RETRY}}}
  - {{id: never, action: touch, needs: [a], when: "false"}}
  - {{id: nap, sleep: 50ms, needs: [b]}}
""",
    "told": "name: told\nsteps: [{id: first, signal: go}, {id: second, signal: go}]",
    "parks": "name: parks\nsteps: [{id: p, action: touch, on_failure: park, retry: {max_attempts: 1}}]",
    "dies": "name: dies\nsteps: [{id: d, action: touch, retry: {max_attempts: 1}}]",
    "family": "name: family\nsteps: [{id: k, workflow: one}]",
    "streams": f"name: streams\nsteps: [{{id: a, action: {STREAM}}}]",
    "brief": "name: brief\ntimeout: 50ms\nsteps: [{id: never, signal: never}]",
}


class Rehearsal:
    """Clients and workers of one server, each with its log. `runs` names the runs by story."""

    def __init__(self, folder: Path, one: Instance) -> None:
        self._folder = folder
        self._one = one
        self._operations = Log(folder / "operations.jsonl")
        self._ledger = Log(folder / "effects-bare-1.1.jsonl")
        self._faults = Log(folder / "faults.jsonl")
        self._numbers = itertools.count(1)
        self._workflows: dict[tuple[str, str], c.Workflow] = {}
        self.runs: dict[str, str] = {}

    async def play(self) -> None:
        """All stories, and the files that are written at the end."""
        await self._prepare()
        for story in (self._plain, self._keyed, self._told, self._parks, self._dies, self._cancelled, self._brief):
            await story()
        await self._streamed()
        await self._family()
        await self._strangers()
        await self._decided()
        await self._lost_worker()
        await self._quiet()
        self._close()

    async def _prepare(self) -> None:
        for namespace, (name, text) in itertools.product(TAINTS, DEFINITIONS.items()):
            self._workflows[namespace, name] = await self._one.register(text, namespace)
        number = await self._one.workflows.namespace_id(ALPHA)
        made = definition.of_code("code", "default")
        async with self._one.pool.connection() as connection:
            row, _ = await workflow_rows.apply(connection, number, "code", definition.digest(made), made.canonical)
        self._workflows[ALPHA, "code"] = await self._one.workflows.by_id(row.id)
        one = self._one
        forks = Forks(one.committer, one.workflows, one.ids, one.pool)
        self._letters = DeadLetterWrites(one.committer, forks, one.workflows, one.pool)

    def value(self, namespace: str = ALPHA) -> str:
        """A value unlike any other."""
        return f"{TAINTS[namespace]}/bare-1.1/{next(self._numbers)}"

    async def call(
        self, f: str, args: dict[str, Any], work: Awaitable[dict[str, Any]], client: str = "client-1", *,
        namespace: str = ALPHA,
    ) -> dict[str, Any]:  # fmt: skip
        """One logged operation; what it was told, empty when it was refused."""
        head = (next(self._numbers), client, namespace, f)
        self._operations.write(Operation(now(), *head, INVOKE, args))
        try:
            result = await work
        except StellwerkError as error:
            self._operations.write(Operation(now(), *head, FAIL, args, error=error.reason))
            return {}
        self._operations.write(Operation(now(), *head, OK, args, result))
        return result

    async def start(self, name: str, namespace: str = ALPHA, key: str = "", value: Any = None, **more: Any) -> str:
        """A run, by the id clients know."""
        value = {"taint": self.value(namespace)} if value is None else value
        request = f"{next(self._numbers):032x}"
        args = {"workflow": name, "input": value, "request_id": request, **({"key": key} if key else {})}
        fields: dict[str, Any] = {"request_id": bytes.fromhex(request)}
        if key:
            fields = {"idempotency_key": key, "digest": json.dumps(value).encode()}
        command = self._one.start_run(self._workflows[namespace, name], value, **fields)

        async def work() -> dict[str, Any]:
            outcome = await self._one.committer.submit(command)
            assert isinstance(outcome, Started)
            return {"run_id": ids.show(outcome.run_id), "deduplicated": outcome.run_id != command.run_id}

        return str((await self.call("start", args, work(), namespace=namespace, **more)).get("run_id", ""))

    async def command(self, f: str, run_id: str, command: c.Command, **args: Any) -> dict[str, Any]:
        """Something a run is told by its client."""

        async def work() -> dict[str, Any]:
            applied = await self._one.committer.submit(command)
            return {"state": applied.state.name, "deduplicated": not applied.changed}  # type: ignore[union-attr]

        return await self.call(f, {"run_id": run_id, **args}, work())

    async def task(self, name: str, namespace: str = ALPHA, *, logged: bool = True, worker: str = "bare-1") -> Grant:
        """A task of the workflow's actions, begun; `logged` as a worker without SDK would."""
        workflow = self._workflows[namespace, name]
        touch = await self._one.workflows.lane(workflow.namespace_id, "default", "touch")
        polled = workflow._replace(lanes=(*workflow.lanes, touch))

        async def work() -> dict[str, Any]:
            granted.extend(await self._one.take(polled, worker=worker))
            return {"tasks": [_described(grant) for grant in granted]}

        granted: list[Grant] = []
        await (self.call("poll", {"worker": worker}, work(), worker, namespace=namespace) if logged else work())
        if granted[0].step != m.DECISION:
            self.effect(granted[0], "begin", namespace=namespace, worker=worker)
        return granted[0]

    def effect(
        self, grant: Grant, phase: str, value: str = "", *, namespace: str = ALPHA, worker: str = "bare-1"
    ) -> None:
        """A line of the ledger."""
        place = (ids.show(grant.run_id), grant.step, grant.attempt, grant.action)
        self._ledger.write(Effect(now(), worker, "bare", namespace, *place, phase, value))

    async def finish(
        self, grant: Grant, value: str = "", *, logged: bool = True, failed: bool = False, namespace: str = ALPHA,
        again: bool = False,
    ) -> str:  # fmt: skip
        """The task's outcome; `again`: only sent, for it was done before."""
        value = "" if failed else value or self.value(namespace)
        if not again:
            self.effect(grant, "failed" if failed else "done", value, namespace=namespace)
        command = fail(grant) if failed else complete(grant, value)

        async def work() -> dict[str, Any]:
            outcome = (await self._one.submit(command))[0]
            return {"verdict": getattr(outcome, "reason", "OK")}

        outcome = "failed" if failed else "succeeded"
        args = {**_described(grant), "outcome": outcome, "value": value}
        await (self.call("complete", args, work(), "bare-1", namespace=namespace) if logged else work())
        return value

    async def fire(self, run_id: str) -> None:
        """Fire the run's next timer at its moment."""
        number = ids.parse(run_id)
        due = "select step, kind, due_at from timers where run_id = %s and due_at <= clock_timestamp() order by due_at"
        await self._one.until(due, number)
        for step, kind, due_at in await self._one.fetch(due, number):
            at = round(due_at.timestamp() * SECOND)
            await self._one.submit(c.FireTimer(number or 0, step, TimerKind(kind), at))

    async def see(self, run_id: str, namespace: str = ALPHA, client: str = "client-1") -> None:
        """Wait for a run that has ended, and read it."""
        number = ids.parse(run_id)
        state, output, failure = (
            await self._one.fetch("select state, output, failure from runs where id = %s", number)
        )[0]
        said: dict[str, Any] = {"ended": True, "state": RunState(state).name}
        said |= {} if output is None else {"output": to_value(Payload(output))}
        said |= {} if failure is None else {"failure": json.loads(failure)["type"]}
        rows = await self._one.fetch("select key, state, attempt, output from steps where run_id = %s", number)
        steps = {
            key: {"state": StepState(s).name, "attempt": a, "output": None if out is None else to_value(Payload(out))}
            for key, s, a, out in rows
        }
        read = {"state": said["state"], "steps": steps}
        for f, result in (("wait", said), ("get", read)):
            await self.call(f, {"run_id": run_id}, _told(result), client, namespace=namespace)

    async def _plain(self) -> None:
        """Retried once, completed twice, contradicted, with a branch that is skipped and a sleep."""
        run = self.runs["plain"] = await self.start("plain")
        first = await self.task("plain")
        value = await self.finish(first)
        await self.finish(first, value, again=True)
        await self.finish(first, f"{value}-other", again=True)
        await self.finish(await self.task("plain"), failed=True)
        await self.fire(run)
        await self.finish(await self.task("plain"))
        await self.fire(run)
        await self.see(run)

    async def _keyed(self) -> None:
        """Two starts of one run; its worker has an SDK, so that only its ledger is there."""
        key, given = "k", {"taint": self.value()}
        run = self.runs["keyed"] = await self.start("one", key=key, value=given)
        await self.start("one", key=key, value=given, client="client-2")
        await self.start("one", key=key, value={"taint": self.value()}, client="client-3")
        await self.finish(await self.task("one", logged=False), logged=False)
        await self.see(run)

    async def _told(self) -> None:
        run = self.runs["told"] = await self.start("told")
        for name in ("s1", "s2", "s2"):
            signal = c.Signal("go", name, from_value(f"a/{name}"))
            told = c.SignalRun(ids.parse(run) or 0, signal)
            await self.command("signal", run, told, name="go", id=name, value=f"a/{name}")

    async def _parks(self) -> None:
        run = self.runs["parks"] = await self.start("parks")
        for how in ("requeue", "discard"):
            await self.finish(await self.task("parks"), failed=True)
            for _ in range(2):
                await self._settle(how, run)

    async def _dies(self) -> None:
        """Its dead letter is requeued, which forks."""
        run = self.runs["dies"] = await self.start("dies")
        await self.finish(await self.task("dies"), failed=True)
        fork = self.runs["fork"] = await self._settle("requeue", run)
        assert await self._settle("requeue", run) == fork
        await self.finish(await self.task("dies"))
        await self.see(fork)

    async def _settle(self, how: str, run_id: str) -> str:
        look = "select id, step from dead_letters where run_id = %s order by id desc limit 1"
        number, step = (await self._one.fetch(look, ids.parse(run_id)))[0]
        letter = ids.show(number, "dl_")

        async def work() -> dict[str, Any]:
            if how == "requeue":
                asked = dead_letter_pb2.RequeueDeadLetterRequest(namespace=ALPHA, dead_letter_id=letter)
                return {"run_id": (await self._letters.RequeueDeadLetter(asked, None)).run_id}
            discard = dead_letter_pb2.DiscardDeadLetterRequest(namespace=ALPHA, dead_letter_id=letter)
            await self._letters.DiscardDeadLetter(discard, None)
            return {"run_id": run_id}

        args = {"dead_letter_id": letter, "run_id": run_id, "step": step}
        return str((await self.call(how, args, work()))["run_id"])

    async def _cancelled(self) -> None:
        """While a task is out, whose result then comes too late."""
        run = self.runs["cancelled"] = await self.start("one")
        task = await self.task("one")
        await self.command("cancel", run, c.CancelRun(ids.parse(run) or 0, "no more"))
        await self.finish(task)
        await self.see(run)

    async def _brief(self) -> None:
        run = self.runs["brief"] = await self.start("brief")
        await self.fire(run)
        await self.see(run)

    async def _streamed(self) -> None:
        """Chunks, all of them before the result."""
        run = self.runs["streamed"] = await self.start("streams")
        task, value = await self.task("streams", logged=False), self.value()
        held = token.Token(task.run_id, task.attempt, task.secret, task.step)

        async def requests() -> AsyncIterator[Parsed]:
            for number in range(CHUNKS):
                yield b"t", number + 1, (held, from_value(f"{value}#{number}"))

        answers = [answer async for answer in Chunks(self._one.pool, lambda runs: None).serve(requests())]
        assert not any(answer.error for answer in answers)
        await self.finish(task, value, logged=False)
        await self.see(run)

    async def _family(self) -> None:
        """A run that starts another one."""
        run = self.runs["family"] = await self.start("family")
        await self.finish(await self.task("one", logged=False), logged=False)
        await self.fire(run)
        look = "select run_id from children where parent_run_id = %s"
        self.runs["child"] = ids.show((await self._one.fetch(look, ids.parse(run)))[0][0])
        await self.see(run)

    async def _strangers(self) -> None:
        """Another namespace, and a look over the fence."""
        run = self.runs["beta"] = await self.start("one", BETA, client="client-b")
        await self.finish(await self.task("one", BETA, logged=False), logged=False, namespace=BETA)
        await self.see(run, BETA, "client-b")
        head = (next(self._numbers), "client-b", BETA, "peek")
        args = {"run_id": self.runs["plain"]}
        self._operations.write(Operation(now(), *head, INVOKE, args))
        self._operations.write(Operation(now(), *head, FAIL, args, error="NOT_FOUND RUN_NOT_FOUND"))

    async def _decided(self) -> None:
        """Code: an action and a local step, then the end."""
        run = self.runs["code"] = await self.start("code")
        lane = await self._one.workflows.lane(self._workflows[ALPHA, "code"].namespace_id, "default", "touch")
        local = self.value()
        decision = await self.task("code", logged=False)
        for phase, value in (("begin", ""), ("done", local)):
            self._ledger.write(Effect(now(), "bare-1", "bare", ALPHA, run, "here", 0, "$local", phase, value))
        ran = m.RanStep("here", 1, from_value(local), None, None)
        act = m.MakeStep("act", {"action": "touch", "lane": lane}, from_value(self.value()))
        await self._decide(decision, act, ran)
        await self.finish(await self.task("code", logged=False), logged=False)
        await self._decide(await self.task("code", logged=False), m.Succeed(from_value(local)))
        await self.see(run)

    async def _decide(self, grant: Grant, *wanted: m.CodeCommand) -> None:
        assert grant.journal is not None
        place = (grant.run_id, m.DECISION, grant.attempt, grant.secret, grant.journal.sequence)
        await self._one.submit(c.CompleteDecision(*place, wanted, keep=False, build="b1", checksum=next(self._numbers)))

    async def _lost_worker(self) -> None:
        """Its worker is killed; the task goes out again as another attempt."""
        run = self.runs["lost"] = await self.start("one")
        task = await self.task("one", worker="bare-2")
        self._faults.write(Fault(now(), 1, "worker_kill", "begin", "bare-2"))
        failure = Failure("WorkerLost", "the connection of its worker broke", category=Category.WORKER_LOST)
        await self._one.submit(c.ExpireLease(task.run_id, task.step, task.attempt, task.secret, failure))
        await self.finish(await self.task("one"))
        self._faults.write(Fault(now(), 1, "worker_kill", "recovered", "bare-2", {"after_s": 1.5}))
        await self.see(run)

    async def _quiet(self) -> None:
        """What nobody knows the end of, and the last calls of all."""
        head = (next(self._numbers), "client-2", ALPHA, "start")
        args = {"workflow": "one", "input": {"taint": self.value()}, "key": "unknown"}
        self._operations.write(Operation(now(), *head, INVOKE, args))
        self._operations.write(Operation(now(), *head, INFO, args, error="UNAVAILABLE"))
        for client, namespace in (("client-1", ALPHA), ("client-2", ALPHA), ("client-3", ALPHA), ("client-b", BETA)):
            run = self.runs["beta" if namespace == BETA else "plain"]
            await self.call("probe", {"run_id": run}, _told({"took_s": 0.01}), client, namespace=namespace)
        await self.call("poll", {"worker": "bare-2"}, _told({"tasks": []}), "bare-2")

    def _close(self) -> None:
        resources = Log(self._folder / RESOURCES)
        for phase in ("baseline", "load", "final"):
            resources.write(Resource(now(), "server-1", phase, 200_000_000, 60, 20))
        about = {"seed": 7, "duration_s": 3.0, "lease_s": 10.0, "namespaces": TAINTS, "workers": {"bare": 2}}
        (self._folder / RUN).write_text(json.dumps(about))
        for log in (self._operations, self._ledger, self._faults, resources):
            log.close()


def _described(grant: Grant) -> dict[str, Any]:
    packed = token.pack(grant.run_id, grant.attempt, grant.secret, grant.step).hex()
    return {"token": packed, "run_id": ids.show(grant.run_id), "step": grant.step, "attempt": grant.attempt}


async def _told(result: dict[str, Any]) -> dict[str, Any]:
    return result


def rehearse(folder: Path, dsn: str) -> dict[str, str]:
    """Play it on an empty migrated database; the runs by story."""

    async def play() -> dict[str, str]:
        one = Instance(dsn)
        await one.start()
        try:
            rehearsal = Rehearsal(folder, one)
            await rehearsal.play()
            return rehearsal.runs
        finally:
            await one.stop()

    return asyncio.run(play())
