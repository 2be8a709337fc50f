"""Bugs put in on purpose, to see that the machines of this folder would find them. For tests only; nothing is run here.

Each is what somebody could write by mistake. A bug that no suite can find is a reason for another rule or invariant.
"""

from __future__ import annotations

from stellwerk_server.commit import batch, poll, starts
from stellwerk_server.commit import code as commit_code
from stellwerk_server.commit.rows import Rows
from stellwerk_server.engine import code, decide, decisions, evolve, failure, inputs, transition
from stellwerk_server.loops import leases
from stellwerk_server.rpc import dead_letters
from stellwerk_server.rpc.starts import Starter
from tests.model.planting import Bug, Restate, Rewrite

_COMMIT = batch.Batch
_TRANSITION = transition.Transition
# Statements that no longer find what they should.
_NOTHING = " and false"

_FENCES = [
    Bug("the token of a lease is not compared", "heart", 552364146, (
        Restate("commit", "lock_leases", "select l.run_id, l.step, l.token", "select l.run_id, l.step, t.token"),
        Restate("commit", "lock_leases", " and x.token = t.token", ""),
    )),
    Bug("a lease stays when its run is cancelled", "heart", 2005857490, (
        Restate("commit", "delete_leases_of_runs", "any(%(runs)b)", "any(%(runs)b)" + _NOTHING),
    )),
    Bug("a lease stays when its step times out", "heart", 4169320577, (
        Restate("commit", "delete_leases", "l.step = t.step", "l.step = t.step" + _NOTHING),
    )),
    Bug("cancel loses to a late completion", "heart", 3696103188, (
        Restate("commit", "delete_leases_of_runs", "any(%(runs)b)", "any(%(runs)b)" + _NOTHING),
        Rewrite(decide._current, "is_open(run) and step.state is StepState.READY and ", ""),
    )),
    Bug("a released token stays valid", "heart", 2056462340, (
        Rewrite(_COMMIT._apply, "if place is not None:",
                "if place is not None and not isinstance(command, c.ReleaseStep):"),
    )),
    Bug("a heartbeat with any token keeps the lease", "heart", 1561915959, (
        Restate("dispatch", "extend_leases", " and x.token = t.token offset 0", " offset 0"),
        Restate("dispatch", "extend_leases", " and x.token = t.token\n    for update", " for update"),
    )),
    Bug("a heartbeat keeps a lease past its deadline", "heart", 3012121222, (
        Restate("dispatch", "extend_leases", "coalesce(deadline, 'infinity')", "'infinity'"),
    )),
    Bug("a chunk with any token is stored", "heart", 2475847771, (
        Restate("dispatch", "append_chunks", "distinct l.run_id, l.step, l.token", "l.run_id, l.step, t.token"),
        Restate("dispatch", "append_chunks", " and l.token = t.token\n), appended", "), appended"),
    )),
    Bug("terminal is not final", "heart", 1041281136, (
        Rewrite(transition.is_open, "run.state in (RunState.RUNNING, RunState.BLOCKED)", "True"),
    )),
    Bug("a step completes twice", "heart", 2662320199, (
        Rewrite(_COMMIT._apply, "self._leases.pop(", "self._leases.get("),
        Rewrite(decide._current, "step.state is StepState.READY and ", ""),
    )),
]  # fmt: skip

_RETRIES = [
    Bug("one attempt too many", "heart", 1797148138, (
        Rewrite(failure.on_failure, "used >= policy.max_attempts", "used > policy.max_attempts"),
    )),
    Bug("a retry without its delay", "heart", 151903196, (
        Rewrite(failure.on_failure, "now + int(delay_s(policy, used,", "now + 0 * int(delay_s(policy, used,"),
    )),
    Bug("what may not be retried is retried", "heart", 1539265807, (
        Rewrite(failure.on_failure, "failure.terminal or failure.type in policy.non_retryable", "failure.terminal"),
    )),
    Bug("an expired lease is no attempt", "heart", 1298862735, (
        Rewrite(failure.on_failure, "used >= policy.max_attempts",
                "used >= policy.max_attempts and failure.category is not Category.WORKER_LOST"),
    )),
    Bug("an expired lease is overlooked", "heart", 2512140081, (
        Rewrite(leases.Leases.run_once, "rows[-1][6] - _LATE_COMMITS", "rows[-1][6] + _LATE_COMMITS"),
    )),
    Bug("a dead letter is forgotten", "heart", 804374036, (
        Rewrite(_COMMIT._note, "in changes.dead", "in changes.dead[1:]"),
    )),
    Bug("a dead letter in another transaction", "heart", 1890838271, (
        Rewrite(_COMMIT.run, "voided = await", "dead, self._rows.dead = self._rows.dead, []; voided = await"),
        Rewrite(_COMMIT.run, "await self._line.commit()",
                "await self._line.commit(); late = Rows(); late.dead = dead; "
                "await late.write(self._execute, self.committed.now); await self._line.commit()"),
    )),
    Bug("a redrive counts for whichever attempt is dead now", "heart", 2594538072, (
        Rewrite(decide._parked, " and step.attempt == attempt", ""),
    )),
    Bug("redriving an ended run twice makes two forks", "heart", 370898886, (
        Rewrite(dead_letters.DeadLetterWrites.RequeueDeadLetter, '"", request_id)', '"", None)'),
    )),
]  # fmt: skip

_ORDER = [
    Bug("a step goes out before all it needs", "heart", 9785796, (
        Rewrite(_TRANSITION.settle, "dependent.needs_left == 0", "dependent.needs_left <= 1"),
    )),
    Bug("a skipped branch runs", "heart", 3672490930, (
        Rewrite(_TRANSITION._begin_step, "not self._condition(definition)", "self._condition(definition) is None"),
    )),
    Bug("a step runs though all it needs has failed", "heart", 2573503700, (
        Rewrite(_TRANSITION._begin_step, "definition.needs and step.needs_met == 0", "False"),
    )),
    Bug("a list is done before its last item", "heart", 1035749068, (
        Rewrite(_TRANSITION._settle_item, "parent.items_left or", "parent.items_left > 1 or"),
    )),
    Bug("a list joins its items in the wrong order", "heart", 3270704302, (
        Rewrite(inputs.join, "for outcome in outcomes", "for outcome in reversed(outcomes)"),
    )),
    Bug("a step is given what another one came to", "heart", 1221880625, (
        Rewrite(inputs.default, "run.step(steps[needs[0]]).output", "run.step(steps[0]).output"),
    )),
    Bug("a gap in the history", "heart", 3714992775, (
        Rewrite(_COMMIT._note, "for event in events]", "for event in events if event.type != 22]"),
    )),
    Bug("a column of a step is not updated", "heart", 3620754596, (
        Restate("commit", "update_steps", "output = t.output, ", ""),
    )),
    Bug("a commit of several runs tells the feed of one", "heart", 152287770, (
        Rewrite(Rows._move_columns, "in self.events}", "in self.events[:1]}"),
        Rewrite(Rows._move_columns, "in reversed(self.events)}", "in self.events[:1]}"),
    )),
]  # fmt: skip

_TIME = [
    Bug("a timer fires early", "heart", 3026344242, (
        Restate("commit", "take_timers", " and t.due_at <= clock_timestamp()", ""),
        Rewrite(decide._fire, "due_at is None or due_at > t.now", "due_at is None"),
    )),
    Bug("an early timer is lost", "heart", 848977671, (
        Restate("commit", "take_timers", " and t.due_at <= clock_timestamp()", ""),
    )),
    Bug("a timer stays when what it was for is done", "heart", 2286629349, (
        Rewrite(evolve._finish, "if run.timers:", "if False:"),
    )),
    Bug("the row of a timer stays", "heart", 3182224004, (
        Restate("commit", "delete_timers", "t.kind = f.kind", "t.kind = f.kind" + _NOTHING),
    )),
    Bug("a run has no deadline", "heart", 1930089082, (
        Rewrite(evolve._run_started, "if run.deadline is not None:", "if False:"),
    )),
    Bug("each attempt has all the time again", "heart", 3562320150, (
        Rewrite(evolve._scheduled, "if step.attempt == 1 or requeued:", "if True:"),
    )),
    Bug("a step times out though a worker has it", "heart", 3297590627, (
        Rewrite(decide._fire, "TimerKind.STEP_START and lease is not None", "TimerKind.STEP_START and False"),
    )),
]  # fmt: skip

_NEWS = [
    Bug("a signal is delivered twice", "heart", 614076093, (
        Rewrite(evolve._succeeded, "run.told().kept[step.definition.signal].popleft()", "pass"),
    )),
    Bug("a signal under a known id counts again", "heart", 2628670548, (
        Rewrite(decide._signal, "command.signal.id in signals.ids", "False"),
    )),
    Bug("a signal nobody waits for is dropped", "heart", 571364886, (
        Rewrite(evolve._signalled, 'signals.kept.setdefault(data["signal"], deque())',
                '(signals.kept if signals.awaiting.get(data["signal"]) else {}).setdefault(data["signal"], deque())'),
    )),
    Bug("the last signal is taken first", "heart", 4130325828, (
        Rewrite(_TRANSITION.deliver, "payload=kept[0]", "payload=kept[-1]"),
        Rewrite(evolve._succeeded, ".popleft()", ".pop()"),
    )),
    Bug("the news of a child's end is lost", "heart", 1036552302, (
        Rewrite(_COMMIT._note, "if run.child_of is not None:", "if False:"),
    )),
    Bug("a child is not told that its parent has ended", "heart", 1603187494, (
        Rewrite(_COMMIT._note, "for step in changes.orphans:", "for step in ():"),
    )),
    Bug("a ready step is not queued", "heart", 1713639950, (
        Rewrite(_COMMIT._hand_out, "self._rows.ready.append(", "step.attempt < 2 and self._rows.ready.append("),
    )),
    Bug("a poll whose task did not come waits for ever", "heart", 4009019770, (
        Rewrite(_COMMIT.abandon, "poll.give_back()", "pass"),
    )),
    Bug("a place in a poll is not given back", "heart", 1034133964, (
        Rewrite(poll.Poll.give_back, "self.free += count", "pass"),
    )),
]  # fmt: skip

_SEVERAL = [
    Bug("what another server wrote is not read", "heart", 1465947550, (
        Rewrite(_COMMIT._catch_up, "if run.seq < seq:", "if False:"),
    )),
    Bug("a run that was not committed stays in the cache", "heart", 486470881, (
        Rewrite(_COMMIT.abandon, "self._context.cache.drop(run_id)", "pass"),
    )),
    Bug("keys are looked for and then written", "heart", 303349140, (
        Restate("commit", "claim_keys", "where k.expires_at <= clock_timestamp()",
                "where not exists (select from idempotency_keys o where o.key = k.key and o.workflow = k.workflow"
                " and o.namespace_id = k.namespace_id and o.expires_at > clock_timestamp())"),
    )),
    Bug("a key is known by Redis only", "heart", 1857354418, (
        Rewrite(Starter._item, "request.idempotency_key or None", "None"),
        Rewrite(Starter.start, "outcome.expires_at)", "outcome.expires_at or 4102444800000000)"),
        Rewrite(Starter.start, " and outcome.expires_at:", ":"),
    )),
    Bug("a key counts in every namespace", "heart", 1398255816, (
        Rewrite(starts._key, "command.workflow.namespace_id, ", "1, "),
    )),
    Bug("a run of another namespace can be ended", "heart", 2185811243, (
        Restate("waits", "results", " and namespace_id = %(namespace)s", " and %(namespace)s > 0"),
    )),
    Bug("a dead letter of another namespace can be redriven", "heart", 2796094538, (
        Restate("waits", "dead_letter", " and d.namespace_id = %(namespace)s", " and %(namespace)s > 0"),
    )),
]  # fmt: skip

_CODE = [
    Bug("a decision is recorded twice", "code", 383202312, (
        Rewrite(code.decided, "code.decided >= command.sequence and code.checksum == command.checksum", "False"),
    )),
    Bug("code is not told what came in meanwhile", "code", 2909465379, (
        Rewrite(decisions.decided, "[news for news in code.news if news.seq > code.decided]", "[]"),
    )),
    Bug("code is asked to cancel twice", "code", 4249454268, (
        Rewrite(code.cancel, "elif not code.cancel_asked:", "else:"),
    )),
    Bug("signals do not go on with a run", "code", 1110083592, (
        Rewrite(commit_code.successor_start, "if run.signals is not None:", "if False:"),
    )),
    Bug("a decision that failed is asked for at once", "code", 2040631575, (
        Rewrite(code._again_at, "t.now + int(delay_s(", "t.now + 0 * int(delay_s("),
    )),
    Bug("a parked run is forgotten", "code", 1184045096, (
        Rewrite(commit_code.note, "if changes.parked_by is not None:", "if False:"),
    )),
    Bug("a cancelled step of code goes on", "code", 2431144096, (
        Rewrite(evolve._step_cancelled, "run.changes.voided.append(step.key)", "pass"),
    )),
]  # fmt: skip

BUGS = [*_FENCES, *_RETRIES, *_ORDER, *_TIME, *_NEWS, *_SEVERAL, *_CODE]
# Which order of statements shows them is for tests/interleave: of that scene, these two.
INTERLEAVED = [
    Bug("a run is not locked", "held/release/cancel", 0, (
        Restate("commit", "lock_runs", " for update", ""),
    )),
]  # fmt: skip
