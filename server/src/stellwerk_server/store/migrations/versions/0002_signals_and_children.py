"""Signals and child runs: three more types of events have a name in the views, and children a table."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CHILDREN = """
create table children (
  run_id bigint primary key,
  parent_run_id bigint not null,
  step text not null
);
create index children_parent on children (parent_run_id, step, run_id);
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
    else type::text
  end
$$;
"""


def upgrade() -> None:
    """A server of the version before goes on with it."""
    for statements in (CHILDREN, EVENT_TYPE):
        op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})
