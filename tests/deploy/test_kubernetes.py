"""deploy/kubernetes: valid by Kubernetes' own schemas, and its parts fit each other, the image and the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.conftest import ROOT, Check
from tests.deploy.dockerfile import stages
from tests.deploy.test_compose import parse

FOLDER = ROOT / "deploy/kubernetes"
VERSION = "1.34.0"
# Kinds other people define: there are no schemas for them here.
FOREIGN = {"PodMonitor"}
# Files that are no manifests: the kustomization itself, and a chart's values.
OTHER = {"kustomization.yaml", "prometheus-adapter.yaml"}
SERVER_STAGE = stages((ROOT / "deploy/Dockerfile").read_text())["server"]

Manifest = dict[str, Any]


def documents(text: str) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(text) if document]


MANIFESTS = {
    (document["kind"], document["metadata"]["name"]): document
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name not in OTHER
    for document in documents(path.read_text())
}


def pods() -> dict[str, Manifest]:
    """The pod templates by the name of what makes them."""
    return {
        name: manifest["spec"]["template"]
        for (_, name), manifest in MANIFESTS.items()
        if "template" in manifest.get("spec", {})
    }


def container(name: str) -> Manifest:
    (found,) = pods()[name]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def validated(check: Check, folder: Path, manifests: list[Manifest], status: int = 0) -> str:
    files = [folder / f"{number}.yaml" for number in range(len(manifests))]
    for path, manifest in zip(files, manifests, strict=True):
        path.write_text(yaml.safe_dump(manifest))
    return check("--strict", "--no-warn", "--kubernetes-version", VERSION, *files, status=status)


def test_every_manifest_fits_the_schema(kubernetes_validate: Check, tmp_path: Path) -> None:
    known = [manifest for (kind, _), manifest in MANIFESTS.items() if kind not in FOREIGN]
    assert len(known) >= 12
    validated(kubernetes_validate, tmp_path, known)


def test_a_mistake_is_found(kubernetes_validate: Check, tmp_path: Path) -> None:
    wrong = yaml.safe_load(yaml.safe_dump(MANIFESTS["Deployment", "stellwerk"]))
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    assert "livenesProbe" in validated(kubernetes_validate, tmp_path, [wrong], status=1)


def test_the_kustomization_builds_what_fits_too(kustomize: Check, kubernetes_validate: Check, tmp_path: Path) -> None:
    built = documents(kustomize("build", FOLDER))
    validated(kubernetes_validate, tmp_path, built)
    assert {m["kind"] for m in built} >= {"Namespace", "Deployment", "Job", "Service", "HorizontalPodAutoscaler"}
    assert {m["metadata"].get("namespace") for m in built if m["kind"] != "Namespace"} == {"stellwerk"}
    images = {
        c["image"]
        for m in built
        if "template" in m.get("spec", {})
        for c in m["spec"]["template"]["spec"]["containers"]
    }
    assert all(image.startswith("registry.example.org/") and not image.endswith(":latest") for image in images)
    assert not any(m["kind"] == "Secret" for m in built), "the example's password must not be applied by mistake"


@pytest.mark.parametrize("name", ["stellwerk", "stellwerk-migrate", "order-worker"])
def test_pods_keep_to_the_restricted_standard(name: str) -> None:
    spec = pods()[name]["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert str(spec["securityContext"]["runAsUser"]) == SERVER_STAGE.one("USER").text.partition(":")[0]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    own = container(name)
    assert own["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert own["resources"]["limits"]["memory"]
    assert own["resources"]["requests"]["cpu"]
    label = MANIFESTS["Namespace", "stellwerk"]["metadata"]["labels"]
    assert label["pod-security.kubernetes.io/enforce"] == "restricted"


def test_commands_parse_and_ports_are_those_of_the_server() -> None:
    settings = parse(container("stellwerk")["args"]).params
    assert not settings["migrate"]
    assert settings["insecure"]
    parse(container("stellwerk-migrate")["args"])
    ports = {port["name"]: port["containerPort"] for port in container("stellwerk")["ports"]}
    assert [str(port) for port in ports.values()] == SERVER_STAGE.one("EXPOSE").words
    for (kind, name), manifest in MANIFESTS.items():
        if kind == "Service":
            assert {port["targetPort"] for port in manifest["spec"]["ports"]} <= set(ports), name


def test_a_server_without_its_database_is_not_killed_for_it() -> None:
    probes = container("stellwerk")
    assert probes["readinessProbe"]["httpGet"]["path"] == "/health"
    assert probes["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert probes["startupProbe"]["httpGet"]["path"] == "/health/live"
    liveness = probes["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 60


def test_a_stop_has_time_to_drain() -> None:
    spec = pods()["stellwerk"]["spec"]
    settings = parse(container("stellwerk")["args"]).params
    waits = container("stellwerk")["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] >= waits + settings["drain"] + 10
    assert pods()["order-worker"]["spec"]["terminationGracePeriodSeconds"] > 30


def test_what_is_selected_is_there() -> None:
    labels = {frozenset(pod["metadata"]["labels"].items()) for pod in pods().values()}
    for (kind, name), manifest in MANIFESTS.items():
        selector = manifest.get("spec", {}).get("selector")
        wanted = selector and selector.get("matchLabels", selector)
        assert not wanted or frozenset(wanted.items()) in labels, (kind, name)
        target = manifest.get("spec", {}).get("scaleTargetRef")
        assert not target or (target["kind"], target["name"]) in MANIFESTS, (kind, name)


def test_what_pods_read_is_there() -> None:
    for name in pods():
        for source in container(name).get("envFrom", []):
            (reference,) = source
            kind = {"configMapRef": "ConfigMap", "secretRef": "Secret"}[reference]
            assert (kind, source[reference]["name"]) in MANIFESTS, name
    address = MANIFESTS["ConfigMap", "stellwerk-client"]["data"]["STELLWERK_ADDRESS"]
    host, _, port = address.removeprefix("dns:///").partition(":")
    service = MANIFESTS["Service", host]["spec"]
    assert service["clusterIP"] == "None"
    assert [str(p["port"]) for p in service["ports"]] == [port]


def test_workers_scale_by_a_metric_the_adapter_makes() -> None:
    (metric,) = MANIFESTS["HorizontalPodAutoscaler", "order-worker"]["spec"]["metrics"]
    (rule,) = yaml.safe_load((FOLDER / "prometheus-adapter.yaml").read_text())["rules"]["external"]
    assert metric["external"]["metric"]["name"] == rule["seriesQuery"] == "stellwerk_task_queue_oldest_age_seconds"
    assert rule["resources"] == {"namespaced": False}


def test_prometheus_reads_the_port_that_has_metrics() -> None:
    (endpoint,) = MANIFESTS["PodMonitor", "stellwerk"]["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in container("stellwerk")["ports"]}
    # The rules know the servers by this name.
    assert {"targetLabel": "job", "replacement": "stellwerk"} in endpoint["relabelings"]
    assert endpoint["honorLabels"], "`namespace` is Stellwerk's own"
