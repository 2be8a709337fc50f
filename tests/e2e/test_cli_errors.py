"""What goes wrong on the command line is one clear line on stderr, a status that is not 0, and never a traceback."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import STELLWERK, Answer, RunningServer, clean_environment, stellwerk

NO_RUN = "run_0000000000000"


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


def one_line(answer: Answer, status: int = 1) -> str:
    assert answer.status == status, answer
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1, answer.err
    return answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "start", "no-such-workflow"),
        ("run", "start", "no-such-workflow", "--wait"),
        ("workflow", "show", "no-such-workflow"),
    ],
)
def test_an_unknown_workflow(stellwerk_server: RunningServer, arguments: tuple[str, ...]) -> None:
    assert "'no-such-workflow'" in one_line(stellwerk_server.cli(*arguments))


@pytest.mark.parametrize("verb", ["show", "watch", "history", "query", "cancel", "terminate", "resume", "retry"])
def test_an_unknown_run(stellwerk_server: RunningServer, verb: str) -> None:
    assert NO_RUN in one_line(stellwerk_server.cli("run", verb, NO_RUN))


def test_an_id_that_is_none(stellwerk_server: RunningServer) -> None:
    assert "nonsense" in one_line(stellwerk_server.cli("run", "show", "nonsense"))


@pytest.mark.parametrize("verb", ["requeue", "discard"])
def test_an_unknown_dead_letter(stellwerk_server: RunningServer, verb: str) -> None:
    assert "nonsense" in one_line(stellwerk_server.cli("dead-letters", verb, "nonsense"))


@pytest.mark.parametrize("arguments", [("run", "list"), ("run", "start", "x", "--wait"), ("run", "watch", NO_RUN)])
def test_a_server_that_is_away(free_port: int, arguments: tuple[str, ...]) -> None:
    answer = stellwerk(*arguments, "--address", f"127.0.0.1:{free_port}")
    assert f"no Stellwerk server answers at 127.0.0.1:{free_port}" in one_line(answer)


def test_errors_are_json_when_asked_for(free_port: int) -> None:
    answer = stellwerk("run", "list", "--json", "--address", f"127.0.0.1:{free_port}")
    assert answer.status == 1
    assert json.loads(answer.err)["error"]["code"] == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("run", "start", "x", "--input", "{"), "--input: expected JSON, came '{'"),
        (("run", "start", "x", "--input", "1", "--input-file", "-"), "came both"),
        (("run", "start", "x", "--timeout", "soon"), "--timeout: expected a duration"),
        (("run", "list", "--state", "DONE"), "--state: expected one of"),
        (("run", "list", "--attribute", "total"), "--attribute: expected name=value, came 'total'"),
        (("run", "list", "--attribute", "=1"), "--attribute: expected name=value, came '=1'"),
        (("dead-letters", "list", "--state", "LOST"), "--state: expected one of OPEN"),
        (("serve",), "database_url: expected a Postgres URL"),
        (("migrate",), "database_url: expected a Postgres URL"),
        (("serve", "--database-url", "x", "--host", "0.0.0.0"), "--insecure"),
        (("serve", "--database-url", "x", "--redis-url", "nonsense"), "redis_url: expected a URL"),
        (("up", "--log-level", "loud"), "--log-level: expected"),
    ],
)
def test_a_wrong_option(stellwerk_server: RunningServer, arguments: tuple[str, ...], named: str) -> None:
    assert named in one_line(stellwerk_server.cli(*arguments), status=2)


def test_usage_errors_have_status_2() -> None:
    for arguments in (("run", "start"), ("no-such-command",), ("serve", "--port", "70000"), ("run", "show", "a", "b")):
        answer = stellwerk(*arguments)
        assert answer.status == 2, arguments
        assert "Traceback" not in answer.err


def test_an_address_that_is_none() -> None:
    assert "address: expected host:port" in one_line(stellwerk("workers", "--address", "host:port"))


def test_files_that_cannot_be_read(stellwerk_server: RunningServer, tmp_path: Path) -> None:
    missing, latin = tmp_path / "missing.yaml", tmp_path / "latin.yaml"
    latin.write_bytes(b"name: caf\xe9\n")
    for verb in ("apply", "validate"):
        assert "missing.yaml: No such file" in one_line(stellwerk_server.cli("workflow", verb, str(missing)))
        assert "expected UTF-8 text, came the byte 0xe9" in one_line(stellwerk_server.cli("workflow", verb, str(latin)))
    assert "missing.yaml" in one_line(stellwerk_server.cli("run", "start", "x", "--input-file", str(missing)))


def test_a_reader_that_leaves_early_is_no_error(stellwerk_server: RunningServer) -> None:
    environment = clean_environment({"STELLWERK_ADDRESS": stellwerk_server.address})
    with subprocess.Popen(
        [*STELLWERK, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_dsn_that_leads_nowhere(free_port: int, command: str) -> None:
    answer = stellwerk(command, "--database-url", f"postgresql://me:s3cret@127.0.0.1:{free_port}/db")
    said = one_line(answer)
    assert f"postgresql://me:***@127.0.0.1:{free_port}/db" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_dsn_that_is_none(command: str) -> None:
    said = one_line(stellwerk(command, "--database-url", "s3cret nonsense"))
    assert "database_url: expected postgresql://" in said
    assert "s3cret" not in said


def test_a_wrong_password(database: str) -> None:
    wrong = database.replace("stellwerk:", "stellwerk:wr0ng", 1)
    said = one_line(stellwerk("serve", STELLWERK_DATABASE_URL=wrong))
    assert "password authentication failed" in said
    assert "wr0ng" not in said


def test_serve_on_a_port_in_use(database: str, taken_port: int) -> None:
    said = one_line(stellwerk("serve", "--port", str(taken_port), STELLWERK_DATABASE_URL=database))
    assert f"127.0.0.1:{taken_port}" in said


def test_several_servers_on_a_port_in_use(database: str, taken_port: int) -> None:
    arguments = ("serve", "--processes", "2", "--port", str(taken_port))
    assert f"127.0.0.1:{taken_port}" in one_line(stellwerk(*arguments, STELLWERK_DATABASE_URL=database))


def test_up_on_a_port_in_use_starts_nothing(taken_port: int, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    said = one_line(stellwerk("up", "--folder", str(folder), "--port", str(taken_port)))
    assert f"127.0.0.1:{taken_port}" in said
    assert not folder.exists()


def test_serve_without_migrations_wants_a_migrated_database(database: str) -> None:
    said = one_line(stellwerk("serve", "--no-migrate", "--port", "0", STELLWERK_DATABASE_URL=database))
    assert "stellwerk migrate" in said
