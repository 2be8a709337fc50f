"""Without OTEL_* variables nothing heavy of OpenTelemetry is even imported; without its packages nothing breaks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.otlp import exporting_to
from tests.support.servers import clean_environment

CLIENT = "from stellwerk import Client, Worker; Client(); Worker()"
SERVER = "from stellwerk_server.server import Server; from stellwerk_server.telemetry import open_tracing"
# Not all of it: the client of Redis imports the API and the metrics where it finds them.
HEAVY = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "opentelemetry.instrumentation")
NONE_LOADED = f"import sys; loaded = [m for m in sys.modules if m.startswith({HEAVY})]; assert not loaded, loaded"
MISSING = "import sys; sys.modules['opentelemetry'] = None; import logging; logging.root.setLevel('INFO')"
SAYS = "logging.root.addHandler(logging.StreamHandler())"


def run(*lines: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in clean_environment({}).items() if not name.startswith("OTEL_")}
    command = [sys.executable, "-c", "\n".join(lines)]
    return subprocess.run(command, env={**plain, **environment}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("variables", [{}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_SERVICE_NAME": "x"}])
@pytest.mark.parametrize("program", [CLIENT, f"{SERVER}; assert open_tracing(b'x', '1') is None"])
def test_off_is_off(program: str, variables: dict[str, str]) -> None:
    done = run(program, NONE_LOADED, **variables)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("program", [CLIENT, f"{SERVER}; assert open_tracing(b'x', '1') is None"])
def test_a_disabled_sdk_is_off_whatever_is_named(program: str) -> None:
    done = run(program, NONE_LOADED, **exporting_to("http://127.0.0.1:1"), OTEL_SDK_DISABLED="true")
    assert done.returncode == 0, done.stderr


def test_a_client_without_the_packages_works_and_says_what_is_missing() -> None:
    done = run(MISSING, SAYS, CLIENT, **exporting_to("http://127.0.0.1:1"))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("pip install 'stellwerk[otel]'") == 1


def test_a_provider_of_the_program_is_left_alone_and_used() -> None:
    program = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
mine = TracerProvider()
trace.set_tracer_provider(mine)
from stellwerk import Client, _telemetry
Client()
assert trace.get_tracer_provider() is mine
assert _telemetry.spans("default") is not None
"""
    done = run(program, **exporting_to("http://127.0.0.1:1"))
    assert (done.returncode, done.stderr) == (0, "")


def test_an_exporter_that_cannot_be_had_is_named() -> None:
    done = run(SERVER, "assert open_tracing(b'x', '1') is None", OTEL_TRACES_EXPORTER="pigeon")
    assert done.returncode == 0, done.stderr
    assert "OTEL_TRACES_EXPORTER: no exporter 'pigeon'" in done.stderr
