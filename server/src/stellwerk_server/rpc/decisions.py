"""Decisions of code on the wire: from messages to commands, each problem with its field. Decides nothing."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from google.protobuf.duration_pb2 import Duration

from stellwerk.v1 import worker_pb2
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.model import code
from stellwerk_server.model.commands import CompleteDecision
from stellwerk_server.model.definition import MAX_SPAN_S
from stellwerk_server.model.errors import InvalidArgument, NotFound, Problem
from stellwerk_server.model.token import Token
from stellwerk_server.rpc import convert, names, wire
from stellwerk_server.rpc.fields import Fields

MAX_COMMANDS = 1_000
_LAST_S = 253_402_300_799
_CLOSES = ("cancel", "terminate", "abandon")


class Decisions:
    """Parses decisions; knows lanes and workflows, which it may have to look up."""

    def __init__(self, workflows: Workflows, max_payload_bytes: int) -> None:
        self._workflows = workflows
        self._limit = max_payload_bytes

    async def command(
        self, token: Token, result: worker_pb2.TaskResult, namespace: str, field: str
    ) -> CompleteDecision:
        """The command of one decision; raises InvalidArgument, also for a workflow that is not there."""
        message = result.decision
        if token.step != code.DECISION:
            came = f"expected an output or a failure for step {token.step!r}, came a decision"
            raise InvalidArgument([Problem(field, came)])
        names.check_text(f"{field}.build", message.build, 200)
        if len(message.commands) > MAX_COMMANDS:
            came = f"expected at most {MAX_COMMANDS} commands at a time, came {len(message.commands)}"
            raise InvalidArgument([Problem(f"{field}.commands", came)])
        commands = [
            await self._one(wanted, namespace, f"{field}.commands[{place}]")
            for place, wanted in enumerate(message.commands)
        ]
        return CompleteDecision(
            token.run_id,
            token.step,
            token.attempt,
            token.secret,
            message.sequence,
            tuple(commands),
            message.keep,
            message.build,
            zlib.crc32(result.SerializeToString()),
            message.pin_run,
        )

    async def _one(self, wanted: worker_pb2.Command, namespace: str, field: str) -> code.CodeCommand:
        kind = wanted.WhichOneof("kind")
        if kind in _WITH_STEP:
            _check_step(f"{field}.step", wanted.step)
        if kind == "action":
            return await self._action(wanted, namespace, f"{field}.action")
        if kind == "continue":
            return await self._continue(getattr(wanted, "continue"), namespace, f"{field}.continue")
        if kind is None:
            raise InvalidArgument([Problem(field, "expected a command, came none")])
        return _PARSE[kind](wanted, f"{field}.{kind}", self._limit)

    async def _action(self, wanted: worker_pb2.Command, namespace: str, field: str) -> code.MakeStep:
        action = wanted.action
        names.check_name(f"{field}.action", action.action)
        queue = action.queue or "default"
        names.check_name(f"{field}.queue", queue)
        namespace_id = await self._workflows.namespace_id(namespace)
        data: dict[str, Any] = {"action": action.action}
        data["lane"] = await self._workflows.lane(namespace_id, queue, action.action)
        if queue != "default":
            data["queue"] = queue
        if action.priority:
            if not -100 <= action.priority <= 100:
                problem = Problem(f"{field}.priority", f"expected -100 to 100, came {action.priority}")
                raise InvalidArgument([problem])
            data["priority"] = action.priority
        _add_policy(data, action, field)
        return code.MakeStep(wanted.step, data, convert.read_payload(action.input, f"{field}.input", self._limit))

    async def _continue(self, wanted: worker_pb2.ContinueCommand, namespace: str, field: str) -> code.Continue:
        names.check_text(f"{field}.workflow", wanted.workflow, 200)
        workflow = None
        if wanted.workflow:
            try:
                workflow = await self._workflows.find(namespace, wanted.workflow)
            except NotFound as error:
                raise InvalidArgument([Problem(f"{field}.workflow", str(error))]) from error
        return code.Continue(workflow, convert.read_payload(wanted.input, f"{field}.input", self._limit))


def _check_step(field: str, step: str) -> None:
    if not step or step.startswith("$") or len(step) > 200 or "\0" in step:
        raise InvalidArgument(
            [Problem(field, f"expected an id of 1 to 200 characters, not beginning with $, came {step[:80]!r}")]
        )


def _add_policy(data: dict[str, Any], wanted: Any, field: str) -> None:
    """Note the retry policy and the timeouts of an action, as far as they are given."""
    if wanted.HasField("retry"):
        data["retry"] = _retry(wanted.retry, f"{field}.retry")
    if wanted.HasField("timeout"):
        bounds = {
            f"{name}_s": _span_s(getattr(wanted.timeout, name), f"{field}.timeout.{name}")
            for name in ("attempt", "total", "start")
            if wanted.timeout.HasField(name)
        }
        if bounds:
            data["timeout"] = bounds


def _retry(policy: worker_pb2.RetryPolicy, field: str) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name, least, most in (("max_attempts", 1, 1_000_000), ("backoff", 1.0, 100.0), ("jitter", 0.0, 1.0)):
        if policy.HasField(name):
            value = getattr(policy, name)
            if not least <= value <= most:
                raise InvalidArgument([Problem(f"{field}.{name}", f"expected {least:g} to {most:g}, came {value:g}")])
            data[name] = value
    for name in ("initial", "max"):
        if policy.HasField(name):
            data[f"{name}_s"] = _span_s(getattr(policy, name), f"{field}.{name}", least=0.0)
    if policy.non_retryable:
        data["non_retryable"] = sorted(set(policy.non_retryable))
    return data


def _span_s(span: Duration, field: str, least: float = 1e-6) -> float:
    seconds = wire.seconds_in(span)
    if not least <= seconds <= MAX_SPAN_S:
        raise InvalidArgument([Problem(field, f"expected more than 0 s, at most 10 years, came {seconds:g} s")])
    return seconds


def _sleep(wanted: worker_pb2.Command, field: str, limit: int) -> code.MakeStep:
    seconds = _span_s(wanted.sleep.duration, f"{field}.duration", least=0.0)
    return code.MakeStep(wanted.step, {"sleep_s": seconds})


def _signal(wanted: worker_pb2.Command, field: str, limit: int) -> code.MakeStep:
    names.check_name(f"{field}.signal", wanted.signal.signal)
    data: dict[str, Any] = {"signal": wanted.signal.signal}
    if wanted.signal.HasField("timeout"):
        data["timeout"] = {"total_s": _span_s(wanted.signal.timeout, f"{field}.timeout")}
    return code.MakeStep(wanted.step, data)


def _child(wanted: worker_pb2.Command, field: str, limit: int) -> code.MakeStep:
    child = wanted.child
    names.check_name(f"{field}.workflow", child.workflow)
    close = child.parent_close or "cancel"
    if close not in _CLOSES:
        came = f"expected one of {', '.join(_CLOSES)}, came {close[:80]!r}"
        raise InvalidArgument([Problem(f"{field}.parent_close", came)])
    data: dict[str, Any] = {"workflow": child.workflow, "parent_close": close}
    if child.HasField("retry"):
        data["retry"] = _retry(child.retry, f"{field}.retry")
    if child.HasField("timeout"):
        data["timeout"] = {"total_s": _span_s(child.timeout, f"{field}.timeout")}
    return code.MakeStep(wanted.step, data, convert.read_payload(child.input, f"{field}.input", limit))


def _local(wanted: worker_pb2.Command, field: str, limit: int) -> code.RanStep:
    local = wanted.local
    attempts = max(1, local.attempts)
    started_at = None
    if local.HasField("start_time"):
        if not 0 <= local.start_time.seconds <= _LAST_S:
            came = f"expected a time from 1970 to 9999, came {local.start_time.seconds} s"
            raise InvalidArgument([Problem(f"{field}.start_time", came)])
        started_at = local.start_time.seconds * 1_000_000 + local.start_time.nanos // 1_000
    if local.WhichOneof("outcome") == "failure":
        failure = convert.read_failure(local.failure, f"{field}.failure", limit)
        return code.RanStep(wanted.step, attempts, None, failure, started_at)
    output = convert.read_payload(local.output, f"{field}.output", limit)
    return code.RanStep(wanted.step, attempts, output, None, started_at)


def _publish(wanted: worker_pb2.Command, field: str, limit: int) -> code.Publish:
    names.check_name(f"{field}.key", wanted.publish.key)
    return code.Publish(wanted.publish.key, convert.read_payload(wanted.publish.value, f"{field}.value", limit))


def _attributes(wanted: worker_pb2.Command, field: str, limit: int) -> code.SetAttributes:
    fields = Fields()
    values = fields.attributes(f"{field}.values", wanted.attributes.values, removals=True)
    fields.raise_if_any()
    return code.SetAttributes(values)


def _patch(wanted: worker_pb2.Command, field: str, limit: int) -> code.Patch:
    names.check_name(f"{field}.id", wanted.patch.id)
    return code.Patch(wanted.patch.id)


def _succeed(wanted: worker_pb2.Command, field: str, limit: int) -> code.Succeed:
    return code.Succeed(convert.read_payload(wanted.succeed.output, f"{field}.output", limit))


def _fail(wanted: worker_pb2.Command, field: str, limit: int) -> code.Fail:
    message = wanted.fail.failure
    names.check_text(f"{field}.failure.step", message.step, 200)
    failure = convert.read_failure(message, f"{field}.failure", limit)
    # Which step the code has failed by, the code alone knows.
    return code.Fail(failure.located(message.step, max(0, message.attempt), "", 0))


_WITH_STEP = frozenset(("action", "sleep", "signal", "child", "local", "cancel"))

_PARSE: dict[str, Callable[[worker_pb2.Command, str, int], code.CodeCommand]] = {
    "sleep": _sleep,
    "signal": _signal,
    "child": _child,
    "local": _local,
    "cancel": lambda wanted, field, limit: code.CancelStep(wanted.step),
    "publish": _publish,
    "attributes": _attributes,
    "patch": _patch,
    "succeed": _succeed,
    "fail": _fail,
    "cancelled": lambda wanted, field, limit: code.Cancelled(),
}
