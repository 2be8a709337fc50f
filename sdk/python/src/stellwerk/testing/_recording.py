"""Which event records which command, with which attributes: the contract's table, for tests. Must not keep state."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from stellwerk.v1.payload_pb2 import Failure, Payload
from stellwerk.v1.worker_pb2 import Command, RetryPolicy

Recorded = tuple[str, Payload | None, Failure | None, int]
"""The event's type, payload, failure and attempt."""


def _local(command: Command) -> Recorded:
    local = command.local
    if local.HasField("failure"):
        return "STEP_RAN", None, local.failure, local.attempts
    return "STEP_RAN", local.output, None, local.attempts


RECORDED: dict[str, Callable[[Command], Recorded]] = {
    "action": lambda command: ("STEP_SCHEDULED", command.action.input, None, 1),
    "child": lambda command: ("STEP_SCHEDULED", command.child.input, None, 1),
    "sleep": lambda _: ("STEP_SLEEPING", None, None, 0),
    "signal": lambda _: ("STEP_AWAITING", None, None, 0),
    "local": _local,
    "publish": lambda command: ("RUN_PUBLISHED", command.publish.value, None, 0),
    "attributes": lambda _: ("RUN_ATTRIBUTES", None, None, 0),
    "patch": lambda _: ("RUN_PATCHED", None, None, 0),
    "succeed": lambda command: ("RUN_SUCCEEDED", command.succeed.output, None, 0),
    "fail": lambda command: ("RUN_FAILED", None, command.fail.failure, 0),
    "cancelled": lambda _: ("RUN_CANCELLED", None, None, 0),
    "continue": lambda _: ("RUN_CONTINUED", None, None, 0),
}


def about(command: Command, now_us: int) -> dict[str, Any]:
    """What the event carries beside its fields."""
    match command.WhichOneof("kind"):
        case "action":
            return _of_action(command)
        case "child":
            child = command.child
            timeout = {"timeout": {"total_s": _span_s(child.timeout)}} if child.HasField("timeout") else {}
            retry = {"retry": _of_retry(child.retry)} if child.HasField("retry") else {}
            return {"workflow": child.workflow, "parent_close": child.parent_close or "cancel", **retry, **timeout}
        case "sleep":
            sleep_s = _span_s(command.sleep.duration)
            return {"sleep_s": sleep_s, "due_at": now_us + int(sleep_s * 1_000_000)}
        case "signal":
            signal = command.signal
            timeout = {"timeout": {"total_s": _span_s(signal.timeout)}} if signal.HasField("timeout") else {}
            return {"signal": signal.signal, **timeout}
        case "local":
            return {"local": True}
        case "publish":
            return {"key": command.publish.key}
        case "attributes":
            return {"values": json.loads(command.attributes.values)}
        case "patch":
            return {"id": command.patch.id}
        case _:
            return {}


def _of_action(command: Command) -> dict[str, Any]:
    action = command.action
    facts: dict[str, Any] = {"action": action.action}
    if action.queue not in ("", "default"):
        facts["queue"] = action.queue
    if action.priority:
        facts["priority"] = action.priority
    if action.HasField("retry"):
        facts["retry"] = _of_retry(action.retry)
    bounds = {
        f"{name}_s": _span_s(getattr(action.timeout, name))
        for name in ("attempt", "total", "start")
        if action.timeout.HasField(name)
    }
    return {**facts, "timeout": bounds} if bounds else facts


def _of_retry(policy: RetryPolicy) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name in ("max_attempts", "backoff", "jitter"):
        if policy.HasField(name):
            facts[name] = getattr(policy, name)
    for name in ("initial", "max"):
        if policy.HasField(name):
            facts[f"{name}_s"] = _span_s(getattr(policy, name))
    if policy.non_retryable:
        facts["non_retryable"] = sorted(set(policy.non_retryable))
    return facts


def _span_s(duration: Any) -> float:
    return float(duration.ToMicroseconds() / 1_000_000)
