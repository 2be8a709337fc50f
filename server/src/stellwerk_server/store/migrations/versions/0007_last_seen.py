"""When the last worker of a lane was seen whose row is gone: a worker that was killed is no worker that never was."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LAST_SEEN = "alter table lanes add column seen_at timestamptz;"


def upgrade() -> None:
    """A server of the version before goes on with it; the workers it forgets leave no trace."""
    op.get_bind().exec_driver_sql(LAST_SEEN, execution_options={"no_parameters": True})
