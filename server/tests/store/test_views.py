"""What a person sees in psql."""

from typing import Any

import pytest

from server.tests.conftest import Seed
from stellwerk_server.model import ids, payload

RUN = ids.IdSource(7).next()


def rows(seed: Seed, statement: bytes, *parameters: Any) -> list[Any]:
    return seed.connection.execute(statement, parameters).fetchall()


@pytest.mark.parametrize("number", [0, 1, 31, 32, (1 << 48) + 5, (1 << 63) - 1])
def test_ids_look_as_everywhere_else_and_lead_back(seed: Seed, number: int) -> None:
    shown = rows(seed, b"select stellwerk_v1.show_run_id(%s::bigint)", number)
    assert shown == [(ids.show(number),)]
    assert rows(seed, b"select stellwerk_v1.parse_run_id(%s)", ids.show(number)) == [(number,)]


@pytest.mark.parametrize("text", ["", "run_", "run_8000000000000", "run_000000000000w", "dl_0000000000000", "run_00"])
def test_what_is_no_id_leads_nowhere(seed: Seed, text: str) -> None:
    assert rows(seed, b"select stellwerk_v1.parse_run_id(%s)", text) == [(None,)]


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (b'{"a": "\xc3\xa4"}', '{"a": "ä"}'),
        (b"1", "1"),
        (b"", ""),
        (payload.pack(b"\xff" * 300, "image/png", {}), '{"content_type": "image/png"} 300 bytes'),
        (payload.pack(b"", "x/y", {"k": "v"}), '{"content_type": "x/y", "metadata": {"k": "v"}} 0 bytes'),
    ],
)
def test_payloads_are_readable(seed: Seed, stored: bytes, shown: str) -> None:
    assert rows(seed, b"select stellwerk_v1.show_payload(%s)", stored) == [(shown,)]


def test_a_run_is_shown_with_its_names(seed: Seed) -> None:
    workflow = seed("workflows", name="order", version=3)
    seed("runs", id=RUN, workflow_id=workflow, state=6, input=b"[1]", forked_from=1)
    found = rows(
        seed,
        b"select run_id, namespace, workflow, version, state, input, output, forked_from from stellwerk_v1.runs",
    )
    assert found == [(ids.show(RUN), "default", "order", 3, "FAILED", "[1]", None, ids.show(1))]


def test_a_step_with_a_lease_is_shown_as_leased(seed: Seed) -> None:
    seed("steps", run_id=RUN, key="a", position=0)
    seed("steps", run_id=RUN, key="b", position=1)
    seed("leases", run_id=RUN, step="b", worker="w1", lane=1)
    found = rows(seed, b"select step, state, worker from stellwerk_v1.steps order by position")
    assert found == [("a", "READY", None), ("b", "LEASED", "w1")]


def test_a_history_names_its_events(seed: Seed) -> None:
    seed("events", run_id=RUN, seq=1)
    seed("events", run_id=RUN, seq=2, type=32_000)
    found = rows(seed, b"select run_id, type from stellwerk_v1.history order by seq")
    assert found == [(ids.show(RUN), "RUN_STARTED"), (ids.show(RUN), "32000")]


def test_what_code_shows_and_is_found_by_is_readable(seed: Seed) -> None:
    seed("runs", id=RUN, workflow_id=seed("workflows", name="order"), decided=4)
    seed("attributes", run_id=RUN, key="name", value='"a\\u0000"')
    seed("attributes", run_id=RUN, key="total", value="12.5")
    seed("published", run_id=RUN, key="stage", value=b'{"half": true}')
    assert rows(seed, b"select decided, attributes::text from stellwerk_v1.runs") == [
        (4, '{ "name" : "a\\u0000", "total" : 12.5 }')
    ]
    found = rows(seed, b"select run_id, key, value from stellwerk_v1.published")
    assert found == [(ids.show(RUN), "stage", '{"half": true}')]
