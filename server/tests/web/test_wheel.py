"""The wheel carries the pages: who installs the server needs no Node, and no page needs more than the policy allows."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[2]
STATIC = "stellwerk_server/web/static/"
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy: setuptools leaves its traces where it builds. Nothing is fetched for it."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(SERVER / "src", folder / "server/src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(SERVER / name, folder / "server" / name)
    command = [sys.executable, "-c", BUILD, str(folder)]
    built = subprocess.run(command, cwd=folder / "server", capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_pages_and_all_they_load_are_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert STATIC + "index.html" in names, "the dashboard is not built: run `make dashboard`"
    page = wheel.read(STATIC + "index.html").decode()
    loaded = re.findall(r'(?:src|href)="/([^"]+)"', page)
    assert any(name.endswith(".js") for name in loaded)
    assert any(name.endswith(".css") for name in loaded)
    assert [name for name in loaded if STATIC + name not in names] == []


def test_what_a_page_is_made_of_has_its_hash_in_its_name(wheel: zipfile.ZipFile) -> None:
    assets = [name for name in wheel.namelist() if name.startswith(STATIC + "assets/")]
    assert assets
    assert [name for name in assets if not re.search(r"-[\w-]{8}\.\w+$", name)] == []


def test_no_script_and_no_style_stands_in_the_page(wheel: zipfile.ZipFile) -> None:
    page = wheel.read(STATIC + "index.html").decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", page) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == []


def test_nothing_in_the_scripts_makes_code_or_markup_from_text(wheel: zipfile.ZipFile) -> None:
    scripts = [name for name in wheel.namelist() if name.startswith(STATIC + "assets/") and name.endswith(".js")]
    text = {name: wheel.read(name).decode() for name in scripts}
    assert [name for name in scripts if re.search(r"\beval\(|new Function\(|document\.write", text[name])] == []
