"""The checkers of deploy/, installed when they are missing; only a machine that is not CI's may do without."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALL_S = 1_500
CHECK_S = 100

Check = Callable[..., str]


def _installed(name: str) -> None:
    command = ["sh", "tools/deploy_checkers.sh", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode and os.environ.get("CI") != "true":
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr


def _check(program: Path) -> Check:
    def check(*arguments: object, status: int = 0, folder: Path = ROOT) -> str:
        """What the program says; it must end with `status`."""
        command = [str(program), *map(str, arguments)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=CHECK_S, check=False)
        assert done.returncode == status, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    return check


@pytest.fixture(scope="session")
def hadolint() -> Check:
    """The linter of Dockerfiles."""
    _installed("linters")
    return _check(ROOT / ".make/checkers/bin/hadolint")


@pytest.fixture(scope="session")
def kubernetes_validate() -> Check:
    """Kubernetes' own schemas."""
    _installed("linters")
    return _check(ROOT / ".make/checkers/bin/kubernetes-validate")


@pytest.fixture(scope="session")
def promtool() -> Check:
    """Prometheus' checker of rules, and what runs their unit tests."""
    _installed("promtool")
    return _check(ROOT / ".make/bin/promtool")


@pytest.fixture(scope="session")
def compose() -> Check:
    """The reader of compose files that Docker uses."""
    _installed("compose")
    return _check(ROOT / ".make/bin/compose")


@pytest.fixture(scope="session")
def kustomize() -> Check:
    """What `kubectl apply -k` builds with."""
    _installed("kustomize")
    return _check(ROOT / ".make/bin/kustomize")
