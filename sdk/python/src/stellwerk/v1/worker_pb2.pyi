import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from stellwerk.v1 import payload_pb2 as _payload_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PollTaskRequest(_message.Message):
    __slots__ = ("namespace", "worker_id", "queue", "actions", "max_tasks", "wait")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_TASKS_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    worker_id: str
    queue: str
    actions: _containers.RepeatedScalarFieldContainer[str]
    max_tasks: int
    wait: _duration_pb2.Duration
    def __init__(self, namespace: _Optional[str] = ..., worker_id: _Optional[str] = ..., queue: _Optional[str] = ..., actions: _Optional[_Iterable[str]] = ..., max_tasks: _Optional[int] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class PollTaskResponse(_message.Message):
    __slots__ = ("tasks",)
    TASKS_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[Task]
    def __init__(self, tasks: _Optional[_Iterable[_Union[Task, _Mapping]]] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("token", "run_id", "step", "attempt", "max_attempts", "action", "workflow", "input", "deadline", "trace")
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
    def __init__(self, token: _Optional[bytes] = ..., run_id: _Optional[str] = ..., step: _Optional[str] = ..., attempt: _Optional[int] = ..., max_attempts: _Optional[int] = ..., action: _Optional[str] = ..., workflow: _Optional[str] = ..., input: _Optional[_Union[_payload_pb2.Payload, _Mapping]] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., trace: _Optional[_Mapping[str, str]] = ...) -> None: ...

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
    __slots__ = ("token", "output", "failure", "release")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    output: _payload_pb2.Payload
    failure: _payload_pb2.Failure
    release: Release
    def __init__(self, token: _Optional[bytes] = ..., output: _Optional[_Union[_payload_pb2.Payload, _Mapping]] = ..., failure: _Optional[_Union[_payload_pb2.Failure, _Mapping]] = ..., release: _Optional[_Union[Release, _Mapping]] = ...) -> None: ...

class Release(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CompleteTaskResponse(_message.Message):
    __slots__ = ("verdicts",)
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    verdicts: _containers.RepeatedCompositeFieldContainer[TaskVerdict]
    def __init__(self, verdicts: _Optional[_Iterable[_Union[TaskVerdict, _Mapping]]] = ...) -> None: ...

class TaskVerdict(_message.Message):
    __slots__ = ("refusal",)
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    refusal: _payload_pb2.Refusal
    def __init__(self, refusal: _Optional[_Union[_payload_pb2.Refusal, _Mapping]] = ...) -> None: ...

class HeartbeatRequest(_message.Message):
    __slots__ = ("namespace", "worker_id", "queue", "actions", "slots", "held", "leaving", "sdk", "host")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    LEAVING_FIELD_NUMBER: _ClassVar[int]
    SDK_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    worker_id: str
    queue: str
    actions: _containers.RepeatedScalarFieldContainer[str]
    slots: int
    held: _containers.RepeatedCompositeFieldContainer[HeldTask]
    leaving: bool
    sdk: str
    host: str
    def __init__(self, namespace: _Optional[str] = ..., worker_id: _Optional[str] = ..., queue: _Optional[str] = ..., actions: _Optional[_Iterable[str]] = ..., slots: _Optional[int] = ..., held: _Optional[_Iterable[_Union[HeldTask, _Mapping]]] = ..., leaving: _Optional[bool] = ..., sdk: _Optional[str] = ..., host: _Optional[str] = ...) -> None: ...

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
