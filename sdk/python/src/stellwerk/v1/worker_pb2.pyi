import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from stellwerk.v1 import payload_pb2 as _payload_pb2
from stellwerk.v1 import run_pb2 as _run_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PollTaskRequest(_message.Message):
    __slots__ = ("namespace", "worker_id", "queue", "actions", "max_tasks", "wait", "pinned_build")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_TASKS_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    PINNED_BUILD_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    worker_id: str
    queue: str
    actions: _containers.RepeatedScalarFieldContainer[str]
    max_tasks: int
    wait: _duration_pb2.Duration
    pinned_build: str
    def __init__(self, namespace: _Optional[str] = ..., worker_id: _Optional[str] = ..., queue: _Optional[str] = ..., actions: _Optional[_Iterable[str]] = ..., max_tasks: _Optional[int] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., pinned_build: _Optional[str] = ...) -> None: ...

class PollTaskResponse(_message.Message):
    __slots__ = ("tasks",)
    TASKS_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[Task]
    def __init__(self, tasks: _Optional[_Iterable[_Union[Task, _Mapping]]] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("token", "run_id", "step", "attempt", "max_attempts", "action", "workflow", "input", "deadline", "trace", "journal")
    class TraceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    JOURNAL_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    run_id: str
    step: str
    attempt: int
    max_attempts: int
    action: str
    workflow: str
    input: _payload_pb2.Payload
    deadline: _timestamp_pb2.Timestamp
    trace: _containers.ScalarMap[str, str]
    journal: Journal
    def __init__(self, token: _Optional[bytes] = ..., run_id: _Optional[str] = ..., step: _Optional[str] = ..., attempt: _Optional[int] = ..., max_attempts: _Optional[int] = ..., action: _Optional[str] = ..., workflow: _Optional[str] = ..., input: _Optional[_Union[_payload_pb2.Payload, _Mapping]] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., trace: _Optional[_Mapping[str, str]] = ..., journal: _Optional[_Union[Journal, _Mapping]] = ...) -> None: ...

class Journal(_message.Message):
    __slots__ = ("after_sequence", "sequence", "events")
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    after_sequence: int
    sequence: int
    events: _containers.RepeatedCompositeFieldContainer[_run_pb2.Event]
    def __init__(self, after_sequence: _Optional[int] = ..., sequence: _Optional[int] = ..., events: _Optional[_Iterable[_Union[_run_pb2.Event, _Mapping]]] = ...) -> None: ...

class CompleteTaskRequest(_message.Message):
    __slots__ = ("namespace", "worker_id", "results")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    worker_id: str
    results: _containers.RepeatedCompositeFieldContainer[TaskResult]
    def __init__(self, namespace: _Optional[str] = ..., worker_id: _Optional[str] = ..., results: _Optional[_Iterable[_Union[TaskResult, _Mapping]]] = ...) -> None: ...

class TaskResult(_message.Message):
    __slots__ = ("token", "output", "failure", "release", "decision")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    output: _payload_pb2.Payload
    failure: _payload_pb2.Failure
    release: Release
    decision: Decision
    def __init__(self, token: _Optional[bytes] = ..., output: _Optional[_Union[_payload_pb2.Payload, _Mapping]] = ..., failure: _Optional[_Union[_payload_pb2.Failure, _Mapping]] = ..., release: _Optional[_Union[Release, _Mapping]] = ..., decision: _Optional[_Union[Decision, _Mapping]] = ...) -> None: ...

class Release(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Decision(_message.Message):
    __slots__ = ("sequence", "commands", "keep", "build", "pin_run")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    PIN_RUN_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    commands: _containers.RepeatedCompositeFieldContainer[Command]
    keep: bool
    build: str
    pin_run: bool
    def __init__(self, sequence: _Optional[int] = ..., commands: _Optional[_Iterable[_Union[Command, _Mapping]]] = ..., keep: _Optional[bool] = ..., build: _Optional[str] = ..., pin_run: _Optional[bool] = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("step", "action", "sleep", "signal", "child", "local", "cancel", "publish", "attributes", "patch", "succeed", "fail", "cancelled")
    STEP_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    SLEEP_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    CHILD_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    PATCH_FIELD_NUMBER: _ClassVar[int]
    SUCCEED_FIELD_NUMBER: _ClassVar[int]
    FAIL_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    step: str
    action: ActionCommand
    sleep: SleepCommand
    signal: SignalCommand
    child: ChildCommand
    local: LocalCommand
    cancel: CancelCommand
    publish: PublishCommand
    attributes: AttributesCommand
    patch: PatchCommand
    succeed: SucceedCommand
    fail: FailCommand
    cancelled: CancelledCommand
    def __init__(self, step: _Optional[str] = ..., action: _Optional[_Union[ActionCommand, _Mapping]] = ..., sleep: _Optional[_Union[SleepCommand, _Mapping]] = ..., signal: _Optional[_Union[SignalCommand, _Mapping]] = ..., child: _Optional[_Union[ChildCommand, _Mapping]] = ..., local: _Optional[_Union[LocalCommand, _Mapping]] = ..., cancel: _Optional[_Union[CancelCommand, _Mapping]] = ..., publish: _Optional[_Union[PublishCommand, _Mapping]] = ..., attributes: _Optional[_Union[AttributesCommand, _Mapping]] = ..., patch: _Optional[_Union[PatchCommand, _Mapping]] = ..., succeed: _Optional[_Union[SucceedCommand, _Mapping]] = ..., fail: _Optional[_Union[FailCommand, _Mapping]] = ..., cancelled: _Optional[_Union[CancelledCommand, _Mapping]] = ..., **kwargs) -> None: ...

class ActionCommand(_message.Message):
    __slots__ = ("action", "input", "queue", "priority", "retry", "timeout")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    action: str
    input: _payload_pb2.Payload
    queue: str
    priority: int
    retry: RetryPolicy
    timeout: Timeouts
    def __init__(self, action: _Optional[str] = ..., input: _Optional[_Union[_payload_pb2.Payload, _Mapping]] = ..., queue: _Optional[str] = ..., priority: _Optional[int] = ..., retry: _Optional[_Union[RetryPolicy, _Mapping]] = ..., timeout: _Optional[_Union[Timeouts, _Mapping]] = ...) -> None: ...

class RetryPolicy(_message.Message):
    __slots__ = ("max_attempts", "initial", "backoff", "max", "jitter", "non_retryable")
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    INITIAL_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    JITTER_FIELD_NUMBER: _ClassVar[int]
    NON_RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    max_attempts: int
    initial: _duration_pb2.Duration
    backoff: float
    max: _duration_pb2.Duration
    jitter: float
    non_retryable: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, max_attempts: _Optional[int] = ..., initial: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., backoff: _Optional[float] = ..., max: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., jitter: _Optional[float] = ..., non_retryable: _Optional[_Iterable[str]] = ...) -> None: ...

class Timeouts(_message.Message):
    __slots__ = ("attempt", "total", "start")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    attempt: _duration_pb2.Duration
    total: _duration_pb2.Duration
    start: _duration_pb2.Duration
    def __init__(self, attempt: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., total: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., start: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SleepCommand(_message.Message):
    __slots__ = ("duration",)
    DURATION_FIELD_NUMBER: _ClassVar[int]
    duration: _duration_pb2.Duration
    def __init__(self, duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SignalCommand(_message.Message):
    __slots__ = ("signal", "timeout")
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    signal: str
    timeout: _duration_pb2.Duration
    def __init__(self, signal: _Optional[str] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ChildCommand(_message.Message):
    __slots__ = ("workflow", "input", "parent_close", "retry", "timeout")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    PARENT_CLOSE_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    input: _payload_pb2.Payload
    parent_close: str
    retry: RetryPolicy
    timeout: _duration_pb2.Duration
    def __init__(self, workflow: _Optional[str] = ..., input: _Optional[_Union[_payload_pb2.Payload, _Mapping]] = ..., parent_close: _Optional[str] = ..., retry: _Optional[_Union[RetryPolicy, _Mapping]] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class LocalCommand(_message.Message):
    __slots__ = ("output", "failure", "attempts", "start_time")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    output: _payload_pb2.Payload
    failure: _payload_pb2.Failure
    attempts: int
    start_time: _timestamp_pb2.Timestamp
    def __init__(self, output: _Optional[_Union[_payload_pb2.Payload, _Mapping]] = ..., failure: _Optional[_Union[_payload_pb2.Failure, _Mapping]] = ..., attempts: _Optional[int] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CancelCommand(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PublishCommand(_message.Message):
    __slots__ = ("key", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: _payload_pb2.Payload
    def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_payload_pb2.Payload, _Mapping]] = ...) -> None: ...

class AttributesCommand(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: str
    def __init__(self, values: _Optional[str] = ...) -> None: ...

class PatchCommand(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class SucceedCommand(_message.Message):
    __slots__ = ("output",)
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    output: _payload_pb2.Payload
    def __init__(self, output: _Optional[_Union[_payload_pb2.Payload, _Mapping]] = ...) -> None: ...

class FailCommand(_message.Message):
    __slots__ = ("failure",)
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    failure: _payload_pb2.Failure
    def __init__(self, failure: _Optional[_Union[_payload_pb2.Failure, _Mapping]] = ...) -> None: ...

class CancelledCommand(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ContinueCommand(_message.Message):
    __slots__ = ("workflow", "input")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    input: _payload_pb2.Payload
    def __init__(self, workflow: _Optional[str] = ..., input: _Optional[_Union[_payload_pb2.Payload, _Mapping]] = ...) -> None: ...

class CompleteTaskResponse(_message.Message):
    __slots__ = ("verdicts",)
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    verdicts: _containers.RepeatedCompositeFieldContainer[TaskVerdict]
    def __init__(self, verdicts: _Optional[_Iterable[_Union[TaskVerdict, _Mapping]]] = ...) -> None: ...

class TaskVerdict(_message.Message):
    __slots__ = ("refusal", "journal")
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    JOURNAL_FIELD_NUMBER: _ClassVar[int]
    refusal: _payload_pb2.Refusal
    journal: Journal
    def __init__(self, refusal: _Optional[_Union[_payload_pb2.Refusal, _Mapping]] = ..., journal: _Optional[_Union[Journal, _Mapping]] = ...) -> None: ...

class HeartbeatRequest(_message.Message):
    __slots__ = ("namespace", "worker_id", "queue", "actions", "slots", "held", "leaving", "sdk", "host", "workflows", "build", "pin_runs")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    LEAVING_FIELD_NUMBER: _ClassVar[int]
    SDK_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    WORKFLOWS_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    PIN_RUNS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    worker_id: str
    queue: str
    actions: _containers.RepeatedScalarFieldContainer[str]
    slots: int
    held: _containers.RepeatedCompositeFieldContainer[HeldTask]
    leaving: bool
    sdk: str
    host: str
    workflows: _containers.RepeatedScalarFieldContainer[str]
    build: str
    pin_runs: bool
    def __init__(self, namespace: _Optional[str] = ..., worker_id: _Optional[str] = ..., queue: _Optional[str] = ..., actions: _Optional[_Iterable[str]] = ..., slots: _Optional[int] = ..., held: _Optional[_Iterable[_Union[HeldTask, _Mapping]]] = ..., leaving: _Optional[bool] = ..., sdk: _Optional[str] = ..., host: _Optional[str] = ..., workflows: _Optional[_Iterable[str]] = ..., build: _Optional[str] = ..., pin_runs: _Optional[bool] = ...) -> None: ...

class HeldTask(_message.Message):
    __slots__ = ("token", "progress")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    progress: _payload_pb2.Payload
    def __init__(self, token: _Optional[bytes] = ..., progress: _Optional[_Union[_payload_pb2.Payload, _Mapping]] = ...) -> None: ...

class HeartbeatResponse(_message.Message):
    __slots__ = ("cancelled", "interval_ms", "draining")
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    cancelled: _containers.RepeatedCompositeFieldContainer[CancelledTask]
    interval_ms: int
    draining: bool
    def __init__(self, cancelled: _Optional[_Iterable[_Union[CancelledTask, _Mapping]]] = ..., interval_ms: _Optional[int] = ..., draining: _Optional[bool] = ...) -> None: ...

class CancelledTask(_message.Message):
    __slots__ = ("token", "reason")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    reason: str
    def __init__(self, token: _Optional[bytes] = ..., reason: _Optional[str] = ...) -> None: ...

class StreamResultRequest(_message.Message):
    __slots__ = ("token", "sequence", "chunk")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    sequence: int
    chunk: _payload_pb2.Payload
    def __init__(self, token: _Optional[bytes] = ..., sequence: _Optional[int] = ..., chunk: _Optional[_Union[_payload_pb2.Payload, _Mapping]] = ...) -> None: ...

class StreamResultResponse(_message.Message):
    __slots__ = ("token", "sequence", "refusal")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    sequence: int
    refusal: _payload_pb2.Refusal
    def __init__(self, token: _Optional[bytes] = ..., sequence: _Optional[int] = ..., refusal: _Optional[_Union[_payload_pb2.Refusal, _Mapping]] = ...) -> None: ...
