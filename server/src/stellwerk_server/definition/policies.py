"""The parts of a step that bound its attempts: retry and timeout. The defaults are the model's."""

from __future__ import annotations

from stellwerk_server.definition.fields import Fields
from stellwerk_server.model.definition import RetryPolicy, Timeouts

_RETRY_KEYS = ("strategy", "max_attempts", "initial", "backoff", "max", "jitter", "non_retryable")
_TIMEOUT_KEYS = ("attempt", "total", "start")
_DEFAULTS = RetryPolicy()


def retry(step: Fields) -> RetryPolicy:
    """The retry policy of a step, defaults filled in."""
    fields = step.object("retry")
    if fields is None:
        return _DEFAULTS
    fields.only(_RETRY_KEYS)
    initial_s = fields.duration("initial") or _DEFAULTS.initial_s
    return RetryPolicy(
        max_attempts=fields.integer("max_attempts", _DEFAULTS.max_attempts, 1, 1000),
        initial_s=initial_s,
        backoff=_backoff(fields),
        max_s=_max_s(fields, initial_s),
        jitter=fields.number("jitter", _DEFAULTS.jitter, 0, 1),
        non_retryable=frozenset(fields.texts("non_retryable")),
    )


def timeouts(step: Fields) -> Timeouts:
    """The bounds of a step; a bare duration bounds the attempt."""
    if not isinstance(step.value.get("timeout"), dict):
        return Timeouts(attempt_s=step.duration("timeout"))
    fields = Fields(step.value["timeout"], step.at("timeout"), step.problems)
    fields.only(_TIMEOUT_KEYS)
    return Timeouts(fields.duration("attempt"), fields.duration("total"), fields.duration("start"))


def total_timeout(step: Fields) -> Timeouts:
    """The one bound of a step without attempts: a bare duration, or `total`."""
    if not isinstance(step.value.get("timeout"), dict):
        return Timeouts(total_s=step.duration("timeout"))
    fields = Fields(step.value["timeout"], step.at("timeout"), step.problems)
    fields.only(("total",))
    return Timeouts(total_s=fields.duration("total"))


def _backoff(fields: Fields) -> float:
    fixed = fields.choice("strategy", "exponential", ("fixed", "exponential")) == "fixed"
    if not fixed:
        return fields.number("backoff", _DEFAULTS.backoff, 1, 1000)
    if fields.value.get("backoff", 1) != 1:
        fields.wrong("backoff", "expected 1 or nothing, as the strategy is fixed")
    return 1.0


def _max_s(fields: Fields, initial_s: float) -> float:
    """The cap; where only `initial` is written, it never lies below it."""
    max_s = fields.duration("max")
    if max_s is None:
        return max(_DEFAULTS.max_s, initial_s)
    if max_s < initial_s:
        fields.wrong("max", f"expected at least the initial delay ({initial_s:g} s)")
    return max_s
