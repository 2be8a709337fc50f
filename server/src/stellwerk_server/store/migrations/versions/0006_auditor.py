"""Whose turn it is to look for runs that nothing will move, the runs it found and could not mend, and which schema
the oldest server may still use."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

AUDITOR = """
create table auditor (
  one boolean primary key default true check (one),
  at timestamptz not null default '-infinity',
  namespace_id integer not null default 0,
  after bigint not null default 0
);
insert into auditor default values;

create table stalled (
  run_id bigint primary key,
  namespace_id integer not null,
  found_at timestamptz not null
);

-- A revision that takes something away raises this: servers older than it do not start any more.
insert into settings values ('oldest_revision', '0005');
"""


def upgrade() -> None:
    """A server of the version before goes on with it; what it finds stalled it counts for itself."""
    op.get_bind().exec_driver_sql(AUDITOR, execution_options={"no_parameters": True})
