"""How many runs started and ended in each minute, for the page an operator looks at first."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ACTIVITY = """
create table activity (
  namespace_id integer not null,
  minute timestamptz not null,
  started bigint not null,
  succeeded bigint not null,
  failed bigint not null,
  ended_otherwise bigint not null,
  primary key (namespace_id, minute)
) with (fillfactor = 75);
"""


def upgrade() -> None:
    """A server of the version before goes on with it; what it commits is not counted."""
    op.get_bind().exec_driver_sql(ACTIVITY, execution_options={"no_parameters": True})
