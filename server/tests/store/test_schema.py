"""The migrations, the metadata and the golden text say the same."""

from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from server.tests.store.catalog import EVERYTHING, TABLES, describe
from stellwerk_server.model.events import EventType
from stellwerk_server.model.states import RunState, StepState
from stellwerk_server.store.schema import metadata

GOLDEN = Path(__file__).with_name("schema.golden.txt")


def test_migrations_add_up_to_the_metadata(migrated: str, database: str) -> None:
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(database), poolclass=sqlalchemy.NullPool
    )
    metadata.create_all(engine)
    assert describe(migrated, TABLES) == describe(database, TABLES)


def test_migrations_make_the_golden_schema(migrated: str, request: pytest.FixtureRequest) -> None:
    made = describe(migrated, EVERYTHING)
    if request.config.getoption("--write-golden", default=False):
        GOLDEN.write_text(made, "utf-8")
    assert made == GOLDEN.read_text("utf-8"), "see catalog.py for how to write the golden file anew"


def test_a_missing_index_is_seen(migrated: str) -> None:
    with psycopg.connect(migrated) as connection:
        connection.execute("drop index ready_order")
    assert describe(migrated, EVERYTHING) != GOLDEN.read_text("utf-8")


@pytest.mark.parametrize(
    ("function", "kind"), [("run_state", RunState), ("step_state", StepState), ("event_type", EventType)]
)
def test_views_name_numbers_as_the_model_does(
    migrated: str, function: str, kind: type[RunState] | type[StepState] | type[EventType]
) -> None:
    with psycopg.connect(migrated) as connection:
        for member in kind:
            statement = psycopg.sql.SQL("select stellwerk_v1.{}(%s::smallint)").format(psycopg.sql.Identifier(function))
            assert connection.execute(statement, [int(member)]).fetchone() == (member.name,)
