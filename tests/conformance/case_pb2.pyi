from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Server(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHARED: _ClassVar[Server]
    BRISK: _ClassVar[Server]
    OWN: _ClassVar[Server]
SHARED: Server
BRISK: Server
OWN: Server

class Case(_message.Message):
    __slots__ = ("name", "about", "once", "background", "server", "proxy", "workers", "workflow", "more_workflows", "step", "program", "program_json", "runs", "run_timeout_s", "trace", "acts", "expect", "patience_s", "code", "idempotency_key", "first_signal")
    class TraceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    ONCE_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    PROXY_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    MORE_WORKFLOWS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_JSON_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    RUN_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    ACTS_FIELD_NUMBER: _ClassVar[int]
    EXPECT_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_S_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    FIRST_SIGNAL_FIELD_NUMBER: _ClassVar[int]
    name: str
    about: str
    once: bool
    background: bool
    server: Server
    proxy: bool
    workers: _containers.RepeatedCompositeFieldContainer[Worker]
    workflow: _struct_pb2.Struct
    more_workflows: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    step: _struct_pb2.Struct
    program: _struct_pb2.Value
    program_json: str
    runs: int
    run_timeout_s: float
    trace: _containers.ScalarMap[str, str]
    acts: _containers.RepeatedCompositeFieldContainer[Act]
    expect: Expect
    patience_s: int
    code: bool
    idempotency_key: str
    first_signal: Tell
    def __init__(self, name: _Optional[str] = ..., about: _Optional[str] = ..., once: _Optional[bool] = ..., background: _Optional[bool] = ..., server: _Optional[_Union[Server, str]] = ..., proxy: _Optional[bool] = ..., workers: _Optional[_Iterable[_Union[Worker, _Mapping]]] = ..., workflow: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., more_workflows: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., step: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., program: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., program_json: _Optional[str] = ..., runs: _Optional[int] = ..., run_timeout_s: _Optional[float] = ..., trace: _Optional[_Mapping[str, str]] = ..., acts: _Optional[_Iterable[_Union[Act, _Mapping]]] = ..., expect: _Optional[_Union[Expect, _Mapping]] = ..., patience_s: _Optional[int] = ..., code: _Optional[bool] = ..., idempotency_key: _Optional[str] = ..., first_signal: _Optional[_Union[Tell, _Mapping]] = ...) -> None: ...

class Worker(_message.Message):
    __slots__ = ("name", "language", "actions", "slots", "polls", "drain_s", "late", "workflows", "cached_runs", "build", "pin_runs")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    POLLS_FIELD_NUMBER: _ClassVar[int]
    DRAIN_S_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    WORKFLOWS_FIELD_NUMBER: _ClassVar[int]
    CACHED_RUNS_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    PIN_RUNS_FIELD_NUMBER: _ClassVar[int]
    name: str
    language: str
    actions: str
    slots: int
    polls: int
    drain_s: float
    late: bool
    workflows: str
    cached_runs: int
    build: str
    pin_runs: bool
    def __init__(self, name: _Optional[str] = ..., language: _Optional[str] = ..., actions: _Optional[str] = ..., slots: _Optional[int] = ..., polls: _Optional[int] = ..., drain_s: _Optional[float] = ..., late: _Optional[bool] = ..., workflows: _Optional[str] = ..., cached_runs: _Optional[int] = ..., build: _Optional[str] = ..., pin_runs: _Optional[bool] = ...) -> None: ...

class Act(_message.Message):
    __slots__ = ("wait", "start", "open", "cancel", "terminate", "signal", "start_worker", "server", "proxy", "pass_s", "tell", "resume", "cancel_in_turn")
    WAIT_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    TERMINATE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    START_WORKER_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    PROXY_FIELD_NUMBER: _ClassVar[int]
    PASS_S_FIELD_NUMBER: _ClassVar[int]
    TELL_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    CANCEL_IN_TURN_FIELD_NUMBER: _ClassVar[int]
    wait: Wait
    start: bool
    open: str
    cancel: str
    terminate: str
    signal: Signal
    start_worker: str
    server: str
    proxy: ProxyAct
    pass_s: float
    tell: Tell
    resume: bool
    cancel_in_turn: str
    def __init__(self, wait: _Optional[_Union[Wait, _Mapping]] = ..., start: _Optional[bool] = ..., open: _Optional[str] = ..., cancel: _Optional[str] = ..., terminate: _Optional[str] = ..., signal: _Optional[_Union[Signal, _Mapping]] = ..., start_worker: _Optional[str] = ..., server: _Optional[str] = ..., proxy: _Optional[_Union[ProxyAct, _Mapping]] = ..., pass_s: _Optional[float] = ..., tell: _Optional[_Union[Tell, _Mapping]] = ..., resume: _Optional[bool] = ..., cancel_in_turn: _Optional[str] = ...) -> None: ...

class Wait(_message.Message):
    __slots__ = ("step", "step_state", "attempt", "progress", "waiting_for", "run_state", "note", "times", "exactly", "chunks", "worker", "worker_unlisted", "exited", "called", "block_reason", "event", "nobody")
    STEP_FIELD_NUMBER: _ClassVar[int]
    STEP_STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FOR_FIELD_NUMBER: _ClassVar[int]
    RUN_STATE_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    EXACTLY_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    WORKER_UNLISTED_FIELD_NUMBER: _ClassVar[int]
    EXITED_FIELD_NUMBER: _ClassVar[int]
    CALLED_FIELD_NUMBER: _ClassVar[int]
    BLOCK_REASON_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    NOBODY_FIELD_NUMBER: _ClassVar[int]
    step: str
    step_state: str
    attempt: int
    progress: _struct_pb2.Value
    waiting_for: str
    run_state: str
    note: str
    times: int
    exactly: int
    chunks: int
    worker: str
    worker_unlisted: str
    exited: str
    called: str
    block_reason: str
    event: str
    nobody: str
    def __init__(self, step: _Optional[str] = ..., step_state: _Optional[str] = ..., attempt: _Optional[int] = ..., progress: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., waiting_for: _Optional[str] = ..., run_state: _Optional[str] = ..., note: _Optional[str] = ..., times: _Optional[int] = ..., exactly: _Optional[int] = ..., chunks: _Optional[int] = ..., worker: _Optional[str] = ..., worker_unlisted: _Optional[str] = ..., exited: _Optional[str] = ..., called: _Optional[str] = ..., block_reason: _Optional[str] = ..., event: _Optional[str] = ..., nobody: _Optional[str] = ...) -> None: ...

class Tell(_message.Message):
    __slots__ = ("name", "payload", "signal_id", "by_key", "times", "size", "refused")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_ID_FIELD_NUMBER: _ClassVar[int]
    BY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    name: str
    payload: _struct_pb2.Value
    signal_id: str
    by_key: bool
    times: int
    size: int
    refused: str
    def __init__(self, name: _Optional[str] = ..., payload: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., signal_id: _Optional[str] = ..., by_key: _Optional[bool] = ..., times: _Optional[int] = ..., size: _Optional[int] = ..., refused: _Optional[str] = ...) -> None: ...

class Signal(_message.Message):
    __slots__ = ("worker", "signal")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    worker: str
    signal: str
    def __init__(self, worker: _Optional[str] = ..., signal: _Optional[str] = ...) -> None: ...

class ProxyAct(_message.Message):
    __slots__ = ("cut", "goaway", "reset", "swallow", "pause", "resume", "down", "up")
    CUT_FIELD_NUMBER: _ClassVar[int]
    GOAWAY_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    SWALLOW_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    DOWN_FIELD_NUMBER: _ClassVar[int]
    UP_FIELD_NUMBER: _ClassVar[int]
    cut: bool
    goaway: GoAway
    reset: Reset
    swallow: Swallow
    pause: bool
    resume: bool
    down: bool
    up: bool
    def __init__(self, cut: _Optional[bool] = ..., goaway: _Optional[_Union[GoAway, _Mapping]] = ..., reset: _Optional[_Union[Reset, _Mapping]] = ..., swallow: _Optional[_Union[Swallow, _Mapping]] = ..., pause: _Optional[bool] = ..., resume: _Optional[bool] = ..., down: _Optional[bool] = ..., up: _Optional[bool] = ...) -> None: ...

class GoAway(_message.Message):
    __slots__ = ("code", "text", "none_seen")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    NONE_SEEN_FIELD_NUMBER: _ClassVar[int]
    code: int
    text: str
    none_seen: bool
    def __init__(self, code: _Optional[int] = ..., text: _Optional[str] = ..., none_seen: _Optional[bool] = ...) -> None: ...

class Reset(_message.Message):
    __slots__ = ("code", "method", "next")
    CODE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    code: int
    method: str
    next: int
    def __init__(self, code: _Optional[int] = ..., method: _Optional[str] = ..., next: _Optional[int] = ...) -> None: ...

class Swallow(_message.Message):
    __slots__ = ("method", "times", "cut")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    method: str
    times: int
    cut: bool
    def __init__(self, method: _Optional[str] = ..., times: _Optional[int] = ..., cut: _Optional[bool] = ...) -> None: ...

class Expect(_message.Message):
    __slots__ = ("state", "output", "output_json", "output_base64", "output_bytes", "failure", "outcomes", "steps", "history", "chunks", "notes", "dead_letters", "exits", "published", "attributes", "events", "derived")
    class StepsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Step
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Step, _Mapping]] = ...) -> None: ...
    class NotesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class ExitsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class PublishedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _struct_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...
    STATE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_JSON_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_BASE64_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_BYTES_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    EXITS_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    DERIVED_FIELD_NUMBER: _ClassVar[int]
    state: str
    output: _struct_pb2.Value
    output_json: str
    output_base64: str
    output_bytes: int
    failure: Failure
    outcomes: _containers.RepeatedCompositeFieldContainer[Outcome]
    steps: _containers.MessageMap[str, Step]
    history: _containers.RepeatedScalarFieldContainer[str]
    chunks: _containers.RepeatedCompositeFieldContainer[Chunk]
    notes: _containers.ScalarMap[str, int]
    dead_letters: _containers.RepeatedCompositeFieldContainer[DeadLetter]
    exits: _containers.ScalarMap[str, int]
    published: _containers.MessageMap[str, _struct_pb2.Value]
    attributes: _struct_pb2.Struct
    events: _containers.RepeatedCompositeFieldContainer[Happened]
    derived: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, state: _Optional[str] = ..., output: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., output_json: _Optional[str] = ..., output_base64: _Optional[str] = ..., output_bytes: _Optional[int] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., outcomes: _Optional[_Iterable[_Union[Outcome, _Mapping]]] = ..., steps: _Optional[_Mapping[str, Step]] = ..., history: _Optional[_Iterable[str]] = ..., chunks: _Optional[_Iterable[_Union[Chunk, _Mapping]]] = ..., notes: _Optional[_Mapping[str, int]] = ..., dead_letters: _Optional[_Iterable[_Union[DeadLetter, _Mapping]]] = ..., exits: _Optional[_Mapping[str, int]] = ..., published: _Optional[_Mapping[str, _struct_pb2.Value]] = ..., attributes: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., events: _Optional[_Iterable[_Union[Happened, _Mapping]]] = ..., derived: _Optional[_Iterable[str]] = ...) -> None: ...

class Happened(_message.Message):
    __slots__ = ("type", "step", "failure", "times")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    type: str
    step: str
    failure: Failure
    times: int
    def __init__(self, type: _Optional[str] = ..., step: _Optional[str] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., times: _Optional[int] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("type", "message", "category", "terminal", "step", "attempt", "details", "stack", "cause", "causes")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    TERMINAL_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    STACK_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    type: str
    message: str
    category: str
    terminal: bool
    step: str
    attempt: int
    details: _struct_pb2.Value
    stack: str
    cause: Failure
    causes: int
    def __init__(self, type: _Optional[str] = ..., message: _Optional[str] = ..., category: _Optional[str] = ..., terminal: _Optional[bool] = ..., step: _Optional[str] = ..., attempt: _Optional[int] = ..., details: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., stack: _Optional[str] = ..., cause: _Optional[_Union[Failure, _Mapping]] = ..., causes: _Optional[int] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("ok", "error", "fine")
    OK_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    FINE_FIELD_NUMBER: _ClassVar[int]
    ok: _struct_pb2.Value
    error: Error
    fine: bool
    def __init__(self, ok: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., fine: _Optional[bool] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("kind", "code", "reason", "message", "fields", "failure")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    code: str
    reason: str
    message: str
    fields: _containers.RepeatedCompositeFieldContainer[Field]
    failure: Failure
    def __init__(self, kind: _Optional[str] = ..., code: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., fields: _Optional[_Iterable[_Union[Field, _Mapping]]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class Field(_message.Message):
    __slots__ = ("field", "description")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    field: str
    description: str
    def __init__(self, field: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("state", "attempt", "failure", "output")
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    state: str
    attempt: int
    failure: Failure
    output: _struct_pb2.Value
    def __init__(self, state: _Optional[str] = ..., attempt: _Optional[int] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., output: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("value", "base64", "attempt")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BASE64_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    value: _struct_pb2.Value
    base64: str
    attempt: int
    def __init__(self, value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., base64: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("step", "reason", "attempt")
    STEP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    step: str
    reason: str
    attempt: int
    def __init__(self, step: _Optional[str] = ..., reason: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...
