"""The tables as SQLAlchemy metadata: what the migrations must add up to, checked by the golden test.

Nothing at run time queries through it (the statements are in sql/); a running server must not
import it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()

# Updates of these rows touch no indexed column, so with room on the page they stay HOT.
_ROOM_FOR_UPDATES = {"fillfactor": 75}
# Queue-like tables turn over completely every few seconds: vacuum early and without pauses.
_QUEUE_LIKE = {
    "autovacuum_vacuum_scale_factor": 0.02,
    "autovacuum_vacuum_threshold": 5000,
    "autovacuum_vacuum_cost_delay": 0,
}


def _needed(name: str, kind: type[TypeEngine[Any]] | TypeEngine[Any], **options: Any) -> Column[Any]:
    return Column(name, kind, nullable=False, **options)


def _moment(name: str, nullable: bool = True, **options: Any) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=nullable, **options)


def _identity() -> Column[Any]:
    return Column("id", Integer, Identity(always=True), primary_key=True)


instances = Sequence("instances", data_type=Integer, minvalue=0, maxvalue=1023, cycle=True, metadata=metadata)

settings = Table("settings", metadata, Column("key", Text, primary_key=True), _needed("value", Text))

namespaces = Table("namespaces", metadata, _identity(), _needed("name", Text), UniqueConstraint("name"))

workflows = Table(
    "workflows",
    metadata,
    _identity(),
    _needed("namespace_id", Integer),
    _needed("name", Text),
    _needed("version", Integer),
    _needed("digest", LargeBinary),
    _needed("definition", Text),
    _moment("created_at", nullable=False, server_default=text("now()")),
    _moment("activated_at", nullable=False, server_default=text("now()")),
    UniqueConstraint("namespace_id", "name", "version"),
    UniqueConstraint("namespace_id", "name", "digest"),
    CheckConstraint("version > 0"),
)

lanes = Table(
    "lanes",
    metadata,
    _identity(),
    _needed("namespace_id", Integer),
    _needed("queue", Text),
    _needed("action", Text),
    # When the last worker that served it was seen, of those whose rows are gone.
    _moment("seen_at"),
    UniqueConstraint("namespace_id", "queue", "action"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _needed("namespace_id", Integer),
    _needed("workflow_id", Integer),
    _needed("state", SmallInteger),
    _needed("seq", Integer),
    Column("input", LargeBinary),
    Column("output", LargeBinary),
    Column("failure", Text),
    Column("block_reason", Text),
    Column("idempotency_key", Text),
    Column("request_id", Uuid),
    Column("forked_from", BigInteger),
    Column("trace", Text),
    _moment("deadline"),
    _moment("created_at", nullable=False),
    _moment("ended_at"),
    # Of a run of code: the last event that its last decision had seen.
    Column("decided", Integer),
    CheckConstraint("state between 1 and 10"),
    CheckConstraint("seq > 0"),
    CheckConstraint("decided >= 0"),
    Index("runs_workflow", "workflow_id", "id"),
    # The state of a run changes a few times in its life, and only those updates are not HOT.
    Index("runs_state", "namespace_id", "state", "id"),
    Index(
        "runs_request",
        "request_id",
        "namespace_id",
        unique=True,
        postgresql_where=text("request_id is not null"),
    ),
    postgresql_with=_ROOM_FOR_UPDATES,
)

steps = Table(
    "steps",
    metadata,
    _needed("run_id", BigInteger),
    _needed("key", Text),
    _needed("position", Integer),
    Column("item", Integer),
    _needed("state", SmallInteger),
    _needed("attempt", Integer),
    Column("input", LargeBinary),
    Column("output", LargeBinary),
    Column("failure", Text),
    Column("worker", Text),
    _moment("due_at"),
    _moment("ready_at"),
    _moment("started_at"),
    _moment("ended_at"),
    Column("items", Integer),
    Column("items_finished", Integer),
    # Of a run of code: the step as its code described it, JSON (model.code.step_definition reads it).
    Column("definition", Text),
    PrimaryKeyConstraint("run_id", "key"),
    # LEASED (3) is never stored: it is READY with a row in leases.
    CheckConstraint("state between 1 and 9 and state <> 3"),
    CheckConstraint("attempt >= 0"),
    postgresql_with=_ROOM_FOR_UPDATES,
)

events = Table(
    "events",
    metadata,
    _needed("run_id", BigInteger),
    _needed("seq", Integer),
    _needed("type", SmallInteger),
    _moment("at", nullable=False),
    Column("step", Text),
    Column("attempt", Integer),
    Column("worker", Text),
    _moment("started_at"),
    Column("payload", LargeBinary),
    Column("failure", Text),
    Column("data", Text),
    PrimaryKeyConstraint("run_id", "seq"),
    CheckConstraint("seq > 0"),
    CheckConstraint("type > 0"),
    CheckConstraint("attempt >= 0"),
)

ready = Table(
    "ready",
    metadata,
    _needed("run_id", BigInteger),
    _needed("step", Text),
    _needed("attempt", Integer),
    _needed("lane", Integer),
    # -priority: the lowest goes first.
    _needed("rank", SmallInteger),
    _needed("id", BigInteger),
    # The attempt's time limit, so that a claim need not know the definition.
    Column("attempt_s", Double),
    _moment("at", nullable=False),
    PrimaryKeyConstraint("run_id", "step"),
    CheckConstraint("attempt >= 0"),
    Index("ready_order", "lane", "rank", "id"),
    postgresql_with=_QUEUE_LIKE,
)

leases = Table(
    "leases",
    metadata,
    _needed("run_id", BigInteger),
    _needed("step", Text),
    _needed("attempt", Integer),
    _needed("token", Uuid),
    _needed("worker", Text),
    _needed("lane", Integer),
    _moment("leased_at", nullable=False),
    _moment("expires_at", nullable=False),
    _moment("deadline"),
    PrimaryKeyConstraint("run_id", "step"),
    CheckConstraint("attempt >= 0"),
    Index("leases_expiry", "expires_at"),
    postgresql_with=_QUEUE_LIKE,
)

timers = Table(
    "timers",
    metadata,
    _needed("run_id", BigInteger),
    # '' for a timer of the run itself.
    _needed("step", Text),
    _needed("kind", SmallInteger),
    _moment("due_at", nullable=False),
    PrimaryKeyConstraint("run_id", "step", "kind"),
    Index("timers_due", "due_at"),
    postgresql_with=_QUEUE_LIKE,
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _needed("namespace_id", Integer),
    _needed("workflow_id", Integer),
    _needed("run_id", BigInteger),
    _needed("step", Text),
    _needed("attempt", Integer),
    _needed("queue", Text),
    _needed("action", Text),
    _needed("reason", Text),
    _needed("failure", Text),
    Column("input", LargeBinary),
    _needed("state", SmallInteger, server_default=text("1")),
    _moment("created_at", nullable=False),
    _moment("resolved_at"),
    Column("requeued_run_id", BigInteger),
    UniqueConstraint("run_id", "step", "attempt"),
    CheckConstraint("state between 1 and 3"),
    CheckConstraint("attempt >= 0"),
    Index("dead_letters_open", "namespace_id", "id", postgresql_where=text("state = 1")),
)

# Only of runs that a step of another run has started.
children = Table(
    "children",
    metadata,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    _needed("parent_run_id", BigInteger),
    _needed("step", Text),
    Index("children_parent", "parent_run_id", "step", "run_id"),
)

# What the code of runs shows and is found by.
published = Table(
    "published",
    metadata,
    _needed("run_id", BigInteger),
    _needed("key", Text),
    _needed("value", LargeBinary),
    PrimaryKeyConstraint("run_id", "key"),
    postgresql_with=_ROOM_FOR_UPDATES,
)

attributes = Table(
    "attributes",
    metadata,
    _needed("run_id", BigInteger),
    _needed("key", Text),
    # Canonical JSON of a text, a number or a boolean, so that equal values are equal texts.
    _needed("value", Text),
    _needed("namespace_id", Integer),
    PrimaryKeyConstraint("run_id", "key"),
    Index("attributes_value", "namespace_id", "key", "value", "run_id"),
)

# Runs of code that are BLOCKED because their decision failed.
parked = Table(
    "parked",
    metadata,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    _needed("namespace_id", Integer),
    _needed("workflow", Text),
    _needed("build", Text),
    _needed("reason", Text),
    Index("parked_workflow", "namespace_id", "workflow"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    _needed("namespace_id", Integer),
    _needed("workflow", Text),
    _needed("key", Text),
    _needed("run_id", BigInteger),
    _needed("digest", LargeBinary),
    _moment("expires_at", nullable=False),
    PrimaryKeyConstraint("namespace_id", "workflow", "key"),
)

chunks = Table(
    "chunks",
    metadata,
    _needed("run_id", BigInteger),
    _needed("step", Text),
    _needed("attempt", Integer),
    _needed("seq", BigInteger),
    _needed("payload", LargeBinary),
    _moment("at", nullable=False),
    PrimaryKeyConstraint("run_id", "step", "attempt", "seq"),
    CheckConstraint("attempt >= 0"),
    CheckConstraint("seq > 0"),
)


def _moved(name: str, key: str) -> Table:
    """What commits moved: run runs[i] of namespaces[i] got the events firsts[i] to lasts[i]."""
    return Table(
        name,
        metadata,
        Column(key, BigInteger, Identity(always=True), primary_key=True),
        _moment("at", nullable=False),
        _needed("runs", ARRAY(BigInteger)),
        _needed("namespaces", ARRAY(Integer)),
        _needed("firsts", ARRAY(Integer)),
        _needed("lasts", ARRAY(Integer)),
        postgresql_with=_QUEUE_LIKE,
    )


# One row a commit, and the same rows in the order in which readers see them.
moves = _moved("moves", "id")
feed = _moved("feed", "position")

workers = Table(
    "workers",
    metadata,
    _needed("namespace_id", Integer),
    _needed("id", Text),
    _needed("queue", Text),
    _needed("actions", ARRAY(Text)),
    _needed("slots", Integer),
    _needed("sdk", Text, server_default=text("''")),
    _needed("host", Text, server_default=text("''")),
    _moment("first_seen_at", nullable=False),
    _moment("seen_at", nullable=False),
    PrimaryKeyConstraint("namespace_id", "id"),
    CheckConstraint("slots >= 0"),
)

# Runs by minute, as counted by the servers; the broom drops what is older than a day.
activity = Table(
    "activity",
    metadata,
    _needed("namespace_id", Integer),
    _moment("minute", nullable=False),
    _needed("started", BigInteger),
    _needed("succeeded", BigInteger),
    _needed("failed", BigInteger),
    _needed("ended_otherwise", BigInteger),
    PrimaryKeyConstraint("namespace_id", "minute"),
    postgresql_with=_ROOM_FOR_UPDATES,
)

# Of all servers one looks for stalled runs at a time: whose turn was last, and where the next one goes on.
auditor = Table(
    "auditor",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    _moment("at", nullable=False, server_default=text("'-infinity'::timestamptz")),
    _needed("namespace_id", Integer, server_default=text("0")),
    _needed("after", BigInteger, server_default=text("0")),
    CheckConstraint("one"),
)

# Runs that nothing will move and that could not be mended.
stalled = Table(
    "stalled",
    metadata,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    _needed("namespace_id", Integer),
    _moment("found_at", nullable=False),
)
