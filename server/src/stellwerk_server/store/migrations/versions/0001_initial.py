"""The first tables, and the views that make them readable in psql."""

from __future__ import annotations

import secrets
import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CATALOGUE = """
create table settings (key text primary key, value text not null);

-- Instance numbers of the servers, part of every id they make.
create sequence instances as integer minvalue 0 maxvalue 1023 cycle;

create table namespaces (id integer generated always as identity primary key, name text not null unique);

create table workflows (
  id integer generated always as identity primary key,
  namespace_id integer not null,
  name text not null,
  version integer not null check (version > 0),
  digest bytea not null,
  definition text not null,
  created_at timestamptz not null default now(),
  activated_at timestamptz not null default now(),
  unique (namespace_id, name, version),
  unique (namespace_id, name, digest)
);

create table lanes (
  id integer generated always as identity primary key,
  namespace_id integer not null,
  queue text not null,
  action text not null,
  unique (namespace_id, queue, action)
);

create table workers (
  namespace_id integer not null,
  id text not null,
  queue text not null,
  actions text[] not null,
  slots integer not null check (slots >= 0),
  sdk text not null default '',
  host text not null default '',
  first_seen_at timestamptz not null,
  seen_at timestamptz not null,
  primary key (namespace_id, id)
);
"""

RUNS = """
create table runs (
  id bigint primary key,
  namespace_id integer not null,
  workflow_id integer not null,
  state smallint not null check (state between 1 and 10),
  seq integer not null check (seq > 0),
  input bytea,
  output bytea,
  failure text,
  block_reason text,
  idempotency_key text,
  request_id uuid,
  forked_from bigint,
  trace text,
  deadline timestamptz,
  created_at timestamptz not null,
  ended_at timestamptz
) with (fillfactor = 75);
create index runs_workflow on runs (workflow_id, id);
create unique index runs_request on runs (request_id, namespace_id) where request_id is not null;

create table steps (
  run_id bigint not null,
  key text not null,
  position integer not null,
  item integer,
  state smallint not null check (state between 1 and 9 and state <> 3),
  attempt integer not null check (attempt >= 0),
  input bytea,
  output bytea,
  failure text,
  worker text,
  due_at timestamptz,
  ready_at timestamptz,
  started_at timestamptz,
  ended_at timestamptz,
  items integer,
  items_finished integer,
  primary key (run_id, key)
) with (fillfactor = 75);

create table events (
  run_id bigint not null,
  seq integer not null check (seq > 0),
  type smallint not null check (type > 0),
  at timestamptz not null,
  step text,
  attempt integer check (attempt >= 0),
  worker text,
  started_at timestamptz,
  payload bytea,
  failure text,
  data text,
  primary key (run_id, seq)
);

create table chunks (
  run_id bigint not null,
  step text not null,
  attempt integer not null check (attempt >= 0),
  seq bigint not null check (seq > 0),
  payload bytea not null,
  at timestamptz not null,
  primary key (run_id, step, attempt, seq)
);

create table idempotency_keys (
  namespace_id integer not null,
  workflow text not null,
  key text not null,
  run_id bigint not null,
  digest bytea not null,
  expires_at timestamptz not null,
  primary key (namespace_id, workflow, key)
);

create table dead_letters (
  id bigint primary key,
  namespace_id integer not null,
  workflow_id integer not null,
  run_id bigint not null,
  step text not null,
  attempt integer not null check (attempt >= 0),
  queue text not null,
  action text not null,
  reason text not null,
  failure text not null,
  input bytea,
  state smallint not null default 1 check (state between 1 and 3),
  created_at timestamptz not null,
  resolved_at timestamptz,
  requeued_run_id bigint,
  unique (run_id, step, attempt)
);
create index dead_letters_open on dead_letters (namespace_id, id) where state = 1;
"""

# These turn over completely every few seconds: vacuum them early and without pauses.
QUEUES = """
create table ready (
  run_id bigint not null,
  step text not null,
  attempt integer not null check (attempt >= 0),
  lane integer not null,
  rank smallint not null,
  id bigint not null,
  attempt_s double precision,
  at timestamptz not null,
  primary key (run_id, step)
) with (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0
);
create index ready_order on ready (lane, rank, id);

create table leases (
  run_id bigint not null,
  step text not null,
  attempt integer not null check (attempt >= 0),
  token uuid not null,
  worker text not null,
  lane integer not null,
  leased_at timestamptz not null,
  expires_at timestamptz not null,
  deadline timestamptz,
  primary key (run_id, step)
) with (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0
);
create index leases_expiry on leases (expires_at);

create table timers (
  run_id bigint not null,
  step text not null,
  kind smallint not null,
  due_at timestamptz not null,
  primary key (run_id, step, kind)
) with (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0
);
create index timers_due on timers (due_at);
"""

# Ids, payloads and names as people know them. Stable for readers: columns are added, never changed.
FUNCTIONS = """
create schema stellwerk_v1;

create function stellwerk_v1.show_run_id(id bigint) returns text
language sql immutable strict parallel safe as $$
  select 'run_' || string_agg(
    substr('0123456789abcdefghijklmnopqrstuv', ((id >> shift) & 31)::integer + 1, 1), '' order by shift desc)
  from generate_series(0, 60, 5) as shift
$$;

-- For `where id = stellwerk_v1.parse_run_id('run_...')`, which can use the primary key.
create function stellwerk_v1.parse_run_id(shown text) returns bigint
language sql immutable strict parallel safe as $$
  select case when shown ~ '^run_[0-7][0-9a-v]{12}$' then
    (select bit_or((strpos('0123456789abcdefghijklmnopqrstuv', substr(shown, 5 + place, 1)) - 1)::bigint
                   << (60 - 5 * place))
     from generate_series(0, 12) as place)
  end
$$;

-- JSON as its text; other content as its header and size, because its bytes say nothing to a reader.
create function stellwerk_v1.show_payload(payload bytea) returns text
language sql immutable strict parallel safe as $$
  select case
    when octet_length(payload) < 5 or get_byte(payload, 0) <> 0 then convert_from(payload, 'UTF8')
    else convert_from(substr(payload, 6, header), 'UTF8') || ' '
      || octet_length(payload) - 5 - header || ' bytes'
  end
  from (select (get_byte(payload, 1) << 24) + (get_byte(payload, 2) << 16)
               + (get_byte(payload, 3) << 8) + get_byte(payload, 4) as header
        where octet_length(payload) >= 5
        union all select 0 where octet_length(payload) < 5) as packed
$$;

create function stellwerk_v1.run_state(state smallint) returns text
language sql immutable strict parallel safe as $$
  select (array['PENDING', 'RUNNING', 'PAUSED', 'BLOCKED', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'TERMINATED',
                'TIMED_OUT', 'CONTINUED'])[state]
$$;

create function stellwerk_v1.step_state(state smallint) returns text
language sql immutable strict parallel safe as $$
  select (array['PENDING', 'READY', 'LEASED', 'WAITING', 'SUCCEEDED', 'FAILED', 'SKIPPED', 'CANCELLED',
                'DEAD'])[state]
$$;

create function stellwerk_v1.event_type(type smallint) returns text
language sql immutable strict parallel safe as $$
  select case type
    when 1 then 'RUN_STARTED'
    when 2 then 'RUN_SUCCEEDED'
    when 3 then 'RUN_FAILED'
    when 4 then 'RUN_CANCELLED'
    when 5 then 'RUN_TERMINATED'
    when 6 then 'RUN_TIMED_OUT'
    when 7 then 'RUN_BLOCKED'
    when 8 then 'RUN_RESUMED'
    when 20 then 'STEP_SCHEDULED'
    when 21 then 'STEP_SUCCEEDED'
    when 22 then 'STEP_ATTEMPT_FAILED'
    when 23 then 'STEP_DEAD'
    when 24 then 'STEP_FAILED'
    when 25 then 'STEP_SKIPPED'
    when 26 then 'STEP_SLEEPING'
    when 27 then 'STEP_EXPANDED'
    when 28 then 'STEP_KEPT'
    when 29 then 'STEP_DISCARDED'
    else type::text
  end
$$;
"""

VIEWS = """
create view stellwerk_v1.runs as
select r.id, stellwerk_v1.show_run_id(r.id) as run_id, n.name as namespace, w.name as workflow, w.version,
  stellwerk_v1.run_state(r.state) as state, r.seq,
  stellwerk_v1.show_payload(r.input) as input, stellwerk_v1.show_payload(r.output) as output,
  r.failure, r.block_reason, r.idempotency_key, stellwerk_v1.show_run_id(r.forked_from) as forked_from,
  r.trace, r.deadline, r.created_at, r.ended_at
from public.runs r
left join public.namespaces n on n.id = r.namespace_id
left join public.workflows w on w.id = r.workflow_id;

create view stellwerk_v1.steps as
select s.run_id as id, stellwerk_v1.show_run_id(s.run_id) as run_id, s.position, s.key as step,
  case when l.run_id is null then stellwerk_v1.step_state(s.state) else 'LEASED' end as state,
  s.attempt, stellwerk_v1.show_payload(s.input) as input, stellwerk_v1.show_payload(s.output) as output,
  s.failure, coalesce(l.worker, s.worker) as worker, s.due_at, s.ready_at,
  coalesce(l.leased_at, s.started_at) as started_at, l.expires_at as lease_expires_at, s.ended_at,
  s.items, s.items_finished
from public.steps s
left join public.leases l on l.run_id = s.run_id and l.step = s.key;

create view stellwerk_v1.history as
select e.run_id as id, stellwerk_v1.show_run_id(e.run_id) as run_id, e.seq, e.at,
  stellwerk_v1.event_type(e.type) as type, e.step, e.attempt, e.worker, e.started_at,
  stellwerk_v1.show_payload(e.payload) as payload, e.failure, e.data
from public.events e;
"""


def upgrade() -> None:
    """Create everything, and the identity of this cluster."""
    for statements in (CATALOGUE, RUNS, QUEUES, FUNCTIONS, VIEWS):
        op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})
    op.execute("insert into namespaces (name) values ('default')")
    settings = sa.table("settings", sa.column("key", sa.Text), sa.column("value", sa.Text))
    op.bulk_insert(
        settings,
        [
            {"key": "cluster_id", "value": str(uuid.uuid4())},
            {"key": "secret", "value": secrets.token_hex(32)},
        ],
    )
