"""Dashboard and alert rules: valid, their rules behave, and every metric they name is one a server really has."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from stellwerk_server.cli.canary import Figures
from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.deploy.conftest import ROOT, Check
from tests.support.databases import fresh_database
from tests.support.servers import serving

RULES = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = json.loads((ROOT / "deploy/grafana/stellwerk.json").read_text())
PROVISIONING = ROOT / "deploy/grafana/provisioning"
RUNBOOK = ROOT / "docs/runbook.md"
METRIC = re.compile(r"\bstellwerk_\w+")
SUFFIX = re.compile(r"_(?:bucket|sum|count)$")
VARIABLES = {"$__rate_interval": "5m", "$namespace": ".*", "$workflow": ".*", "$queue": ".*", "$instance": ".*"}


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    """Every PromQL text of the dashboard, its variables filled in."""
    written = [target["expr"] for panel in panels() for target in panel["targets"]]
    written += [annotation["expr"] for annotation in DASHBOARD["annotations"]["list"]]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            parts = re.fullmatch(r"label_values\((.*), \w+\)", variable["definition"])
            assert parts, variable["definition"]
            written.append(parts[1])
    for name, value in VARIABLES.items():
        written = [text.replace(name, value) for text in written]
    return written


def named() -> set[str]:
    """The metrics that rules and dashboard ask for, as /metrics declares them."""
    texts = [*expressions(), *(rule["expr"] for rule in alerts())]
    return {SUFFIX.sub("", name) for text in texts for name in METRIC.findall(text)}


def test_the_rules_are_valid(promtool: Check) -> None:
    promtool("check", "config", ROOT / "deploy/prometheus/prometheus.yml")
    promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_the_rules_fire_when_they_should(promtool: Check) -> None:
    promtool("test", "rules", RULES.with_name("alerts_test.yml"))


def test_every_rule_has_a_test() -> None:
    tested = yaml.safe_load(RULES.with_name("alerts_test.yml").read_text())["tests"]
    fired = {case["alertname"] for test in tested for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert {rule["alert"] for rule in alerts()} == fired


def test_every_rule_says_what_to_do() -> None:
    headings = re.findall(r"^#+ (.+)$", RUNBOOK.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
    for rule in alerts():
        annotations = rule["annotations"]
        assert set(annotations) == {"summary", "description", "runbook_url"}
        page, _, anchor = annotations["runbook_url"].partition("#")
        assert ROOT / page == RUNBOOK
        assert anchor == rule["alert"].lower()
        assert anchor in anchors, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_the_dashboard_asks_in_valid_promql(promtool: Check, tmp_path: Path) -> None:
    rules = [{"record": f"panel_{n}", "expr": text} for n, text in enumerate(expressions())]
    assert len(rules) > 40
    assert not [rule for rule in rules if "$" in rule["expr"]], "a variable that is not filled in"
    path = tmp_path / "dashboard.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", path)
    path.write_text(yaml.safe_dump({"groups": [{"name": "a", "rules": [{"record": "a", "expr": "sum by (x("}]}]}))
    promtool("check", "rules", path, status=1)


def test_the_dashboard_is_laid_out() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells, f"{panel['title']} lies over another panel"
        cells |= own
    names = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert names == {"datasource", *(name.removeprefix("$") for name in VARIABLES if not name.startswith("$__"))}
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels())


def test_the_provisioning_fits_the_compose_file() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources/prometheus.yaml").read_text())["datasources"]
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    assert source["url"] == "http://prometheus:9090"
    assert "127.0.0.1:9090:9090" in services["prometheus"]["ports"]
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards/stellwerk.yaml").read_text())["providers"]
    mounts = dict(mount.split(":")[:2] for mount in services["grafana"]["volumes"])
    assert mounts["./grafana/stellwerk.json"].startswith(provider["options"]["path"])
    (scrape,) = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    (static,) = scrape["static_configs"]
    assert scrape["job_name"] == "stellwerk"
    assert {target.partition(":")[0] for target in static["targets"]} == {"server-1", "server-2"}


@pytest.fixture(scope="module")
def metrics(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, server_folder: Path) -> Iterator[str]:
    """What /metrics of a server that has done nothing says."""
    with (
        fresh_database(postgres) as dsn,
        serving(dsn, valkey.url, server_folder) as server,
        urllib.request.urlopen(f"{server.ready['http']}/metrics", timeout=30) as answer,
    ):
        yield answer.read().decode()


def test_every_metric_is_one_the_server_or_the_canary_has(metrics: str) -> None:
    metrics += generate_latest(Figures().registry).decode()
    declared = set(re.findall(r"^# TYPE (\S+) ", metrics, re.MULTILINE))
    assert sorted(named() - declared) == []


def test_the_names_are_those_of_the_documentation() -> None:
    documented = set(re.findall(r"^\| `(stellwerk_\w+)` \|", (ROOT / "docs/telemetry.md").read_text(), re.MULTILINE))
    assert sorted(named() - documented) == []
    told_of_nowhere = documented - named() - {"stellwerk_build_info"}
    assert sorted(told_of_nowhere) == [], "a metric that neither dashboard nor rules look at"
