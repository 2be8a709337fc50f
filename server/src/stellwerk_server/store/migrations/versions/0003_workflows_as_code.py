"""Workflows as code: what a run's code has seen, asked for and shown, and the runs whose code cannot go on."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
-- Null for runs of a graph: the last event a run's code has seen, and the step as its code described it.
alter table runs add column decided integer check (decided >= 0);
alter table steps add column definition text;

create table published (
  run_id bigint not null,
  key text not null,
  value bytea not null,
  primary key (run_id, key)
) with (fillfactor = 75);

-- The value is canonical JSON of a text, a number or a boolean, so that equal values are equal texts.
create table attributes (
  run_id bigint not null,
  key text not null,
  value text not null,
  namespace_id integer not null,
  primary key (run_id, key)
);
create index attributes_value on attributes (namespace_id, key, value, run_id);

create table parked (
  run_id bigint primary key,
  namespace_id integer not null,
  workflow text not null,
  build text not null,
  reason text not null
);
create index parked_workflow on parked (namespace_id, workflow);
"""

EVENT_TYPE = """
create or replace function stellwerk_v1.event_type(type smallint) returns text
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
    when 9 then 'RUN_SIGNALLED'
    when 10 then 'RUN_CANCEL_REQUESTED'
    when 11 then 'RUN_PUBLISHED'
    when 12 then 'RUN_ATTRIBUTES'
    when 13 then 'RUN_PATCHED'
    when 14 then 'RUN_CONTINUED'
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
    when 30 then 'STEP_AWAITING'
    when 31 then 'STEP_CHILD_STARTED'
    when 32 then 'STEP_RAN'
    when 33 then 'STEP_CANCELLED'
    when 40 then 'DECISION_COMPLETED'
    when 41 then 'DECISION_FAILED'
    else type::text
  end
$$;
"""

# The new columns come last: readers may count them.
VIEWS = """
create or replace view stellwerk_v1.runs as
select r.id, stellwerk_v1.show_run_id(r.id) as run_id, n.name as namespace, w.name as workflow, w.version,
  stellwerk_v1.run_state(r.state) as state, r.seq,
  stellwerk_v1.show_payload(r.input) as input, stellwerk_v1.show_payload(r.output) as output,
  r.failure, r.block_reason, r.idempotency_key, stellwerk_v1.show_run_id(r.forked_from) as forked_from,
  r.trace, r.deadline, r.created_at, r.ended_at, r.decided,
  (select json_object_agg(a.key, a.value::json) from public.attributes a where a.run_id = r.id) as attributes
from public.runs r
left join public.namespaces n on n.id = r.namespace_id
left join public.workflows w on w.id = r.workflow_id;

create or replace view stellwerk_v1.steps as
select s.run_id as id, stellwerk_v1.show_run_id(s.run_id) as run_id, s.position, s.key as step,
  case when l.run_id is null then stellwerk_v1.step_state(s.state) else 'LEASED' end as state,
  s.attempt, stellwerk_v1.show_payload(s.input) as input, stellwerk_v1.show_payload(s.output) as output,
  s.failure, coalesce(l.worker, s.worker) as worker, s.due_at, s.ready_at,
  coalesce(l.leased_at, s.started_at) as started_at, l.expires_at as lease_expires_at, s.ended_at,
  s.items, s.items_finished, s.definition
from public.steps s
left join public.leases l on l.run_id = s.run_id and l.step = s.key;

create view stellwerk_v1.published as
select p.run_id as id, stellwerk_v1.show_run_id(p.run_id) as run_id, p.key,
  stellwerk_v1.show_payload(p.value) as value
from public.published p;
"""


def upgrade() -> None:
    """A server of the version before goes on with it, with its own runs."""
    for statements in (TABLES, EVENT_TYPE, VIEWS):
        op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})
