"""Live events: what each commit moved, the order readers see it in, and lists of runs by state."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = """
-- One row a commit: run runs[i] of namespaces[i] got the events firsts[i] to lasts[i].
create table moves (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  runs bigint[] not null,
  namespaces integer[] not null,
  firsts integer[] not null,
  lasts integer[] not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- The same rows in the order in which readers see them: only one transaction at a time moves them here.
create table feed (
  position bigint generated always as identity primary key,
  at timestamptz not null,
  runs bigint[] not null,
  namespaces integer[] not null,
  firsts integer[] not null,
  lasts integer[] not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

create index runs_state on runs (namespace_id, state, id);
"""


def upgrade() -> None:
    """A server of the version before goes on with it; what it commits is not in the feed."""
    op.get_bind().exec_driver_sql(TABLES, execution_options={"no_parameters": True})
