"""deploy/compose.yaml, read by Docker's own reader: commands parse, files are there, ports fit the image."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.main import get_command

from stellwerk_server.cli.app import app
from tests.deploy.conftest import ROOT, Check
from tests.deploy.dockerfile import stages

FILE = ROOT / "deploy/compose.yaml"
STAGES = stages((ROOT / "deploy/Dockerfile").read_text())
SERVERS = ("server-1", "server-2")


@pytest.fixture(scope="module")
def services(compose: Check) -> dict[str, Any]:
    """The services as Docker would see them; a mistake in the file ends here."""
    project = json.loads(compose("--format", "json", "compose.yaml", folder=FILE.parent))
    found: dict[str, Any] = project["services"]
    return found


def ours(services: dict[str, Any]) -> dict[str, Any]:
    """Those that run the server's image."""
    return {name: s for name, s in services.items() if s.get("build", {}).get("target") == "server"}


def parse(command: list[str]) -> typer.Context:
    """What the real command line makes of these words; raises when it knows them not."""
    group: Any = get_command(app)
    words = list(command)
    while hasattr(group, "commands"):
        group = group.commands[words.pop(0)]
    context: typer.Context = group.make_context(group.name, words)
    return context


def test_every_command_parses(services: dict[str, Any]) -> None:
    commands = {name: service["command"] for name, service in ours(services).items()}
    assert set(commands) == {"migrate", "workflow", *SERVERS}
    for command in commands.values():
        parse(command)
    with pytest.raises(Exception, match="--no-such"):
        parse(["serve", "--no-such"])


def test_the_servers_listen_where_their_ports_lead(services: dict[str, Any]) -> None:
    exposed = set(STAGES["server"].one("EXPOSE").words)
    published = []
    for name in SERVERS:
        ports = services[name]["ports"]
        assert {str(port["target"]) for port in ports} == exposed
        assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
        published += [port["published"] for port in ports]
        settings = parse(services[name]["command"]).params
        assert settings["host"] == "0.0.0.0"
        assert settings["insecure"]
        assert not settings["migrate"]
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert seconds(services[name]["stop_grace_period"]) > settings["drain"] + 5
    assert len(set(published)) == len(published)


def seconds(span: str) -> int:
    """The length of `1m0s`."""
    parts = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", span)
    assert parts, span
    return 60 * int(parts[1] or 0) + int(parts[2] or 0)


def test_clients_find_both_servers_by_one_name(services: dict[str, Any]) -> None:
    for name in SERVERS:
        assert services[name]["networks"]["default"]["aliases"] == ["stellwerk"]
    for name in ("worker", "workflow"):
        assert services[name]["environment"]["STELLWERK_ADDRESS"] == "dns:///stellwerk:7400"
        assert services[name]["environment"]["STELLWERK_TLS"] == "off"


def test_every_mounted_file_is_there(services: dict[str, Any]) -> None:
    mounts = [mount for service in services.values() for mount in service.get("volumes", []) if mount["type"] == "bind"]
    assert len(mounts) >= 4
    assert [mount["source"] for mount in mounts if not Path(mount["source"]).exists()] == []
    assert all(mount["read_only"] for mount in mounts)


def test_every_service_tells_whether_it_is_well(services: dict[str, Any]) -> None:
    for name, service in services.items():
        built = service.get("build", {}).get("target")
        assert "healthcheck" in service or (built and STAGES[built].all("HEALTHCHECK")), name
        if service.get("depends_on"):
            assert set(service["depends_on"]) <= set(services)


def test_what_is_ours_runs_with_as_little_as_it_can(services: dict[str, Any]) -> None:
    for name in (*SERVERS, "worker"):
        service = services[name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["restart"] == "unless-stopped"


def test_every_image_has_a_version(services: dict[str, Any]) -> None:
    for name, service in services.items():
        _, _, tag = service["image"].partition(":")
        assert tag not in ("", "latest"), name


def test_a_password_is_only_a_default(services: dict[str, Any]) -> None:
    written = yaml.safe_load(FILE.read_text())["services"]
    assert written["postgres"]["environment"]["POSTGRES_PASSWORD"] == "${POSTGRES_PASSWORD:-stellwerk}"
    assert written["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == "${GRAFANA_PASSWORD:-stellwerk}"
    # What the servers are told is what Postgres is started with.
    password = services["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert f":{password}@postgres:" in services["server-1"]["environment"]["STELLWERK_DATABASE_URL"]


def test_a_mistake_is_found(compose: Check, tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text("services: {a: {image: x, portz: [1]}}")
    assert "portz" in compose(wrong, status=1)
