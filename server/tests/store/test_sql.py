"""The loader of named statements, and that Postgres takes every statement we have."""

import re
from importlib.resources import files

import psycopg
import pytest

from stellwerk_server.store import sql

FILES = sorted(p.name.removesuffix(".sql") for p in files("stellwerk_server.store").joinpath("sql").iterdir())


def test_statements_come_without_their_comments_and_semicolon() -> None:
    queries = sql.parse(
        "x.sql", "-- about\n\n-- name: one\n-- why\n-- so\nselect 1; -- end\n-- name: two\nselect\n  2;\n"
    )
    assert dir(queries) == ["one", "two"]
    assert queries.one == b"select 1; -- end"
    assert queries.two == b"select\n  2"


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(AttributeError, match=r"x\.sql: no statement named 'three'; there are: one"):
        _ = sql.parse("x.sql", "-- name: one\nselect 1").three


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("select 1\n-- name: one\nselect 1", "before the first"),
        ("-- name: one\nselect 1\n-- name: one\nselect 2", "not a new name"),
        ("-- name: One\nselect 1", "not a new name"),
        ("-- name:\nselect 1", "not a new name"),
        ("-- name: one\n-- only words\n", "is empty"),
    ],
)
def test_files_in_another_form_are_refused(content: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sql.parse("x.sql", content)


@pytest.mark.parametrize("name", FILES)
def test_postgres_understands_every_statement(name: str, migrated: str) -> None:
    queries = sql.load(name)
    with psycopg.connect(migrated) as connection:
        for statement in dir(queries):
            text = getattr(queries, statement).decode()
            names = list(dict.fromkeys(re.findall(r"%\((\w+)\)[bs]", text)))
            if text.split()[0] not in {"select", "insert", "update", "delete", "with"}:
                continue
            for number, parameter in enumerate(names, 1):
                text = re.sub(rf"%\({parameter}\)[bs]", f"${number}", text)
            try:
                connection.execute(f"prepare q as {text}".encode(), prepare=False)
                connection.execute("deallocate q")
            except (psycopg.errors.IndeterminateDatatype, psycopg.errors.AmbiguousFunction):
                # The driver names the types of these parameters; tables come first and were found.
                connection.rollback()
