"""A module that nothing imports and that is no entry point is dead: it goes, or it gets a caller."""

import ast
import tomllib

from tests.tidy.tree import SOURCES, Module, is_test, modules, read, refuse

# "path" -> why nothing of ours imports it.
EXCEPTIONS: dict[str, str] = {}


def dead_modules(sources: list[Module], users: list[Module], entries: set[str]) -> list[str]:
    """Sources that no user imports or names as `python -m`, and that are no entry point."""
    used = set(entries)
    for module in users:
        used |= {name for name, _ in module.imports()} | _named_in_text(module)
    used |= {name.rpartition(".")[0] for name in used}
    return [module.path for module in sources if not _is_found_by_place(module.path) and module.name not in used]


def _named_in_text(module: Module) -> set[str]:
    """Dotted names in string literals: `[sys.executable, "-m", "stellwerk_server.cli"]`."""
    literals = (n.value for n in ast.walk(module.tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return {text for text in literals if text.split(".")[0] in SOURCES.values()}


def _is_found_by_place(path: str) -> bool:
    return path.endswith(("/__init__.py", "/__main__.py")) or "/migrations/" in path


def script_modules() -> set[str]:
    """The modules behind the installed commands."""
    declared = [tomllib.loads(read(path)) for path in ("server/pyproject.toml", "sdk/python/pyproject.toml")]
    return {target.partition(":")[0] for d in declared for target in d["project"].get("scripts", {}).values()}


def test_every_module_is_used() -> None:
    sources = modules(*SOURCES)
    users = [module for module in modules() if not is_test(module.path) or module.path.startswith("tests/bench/")]
    dead = dead_modules(sources, users, script_modules())
    refuse([f"{path}: nothing imports it" for path in dead if path not in EXCEPTIONS])
    refuse([f"{path}: the exception is stale, take it out" for path in EXCEPTIONS if path not in dead])


def test_a_dead_module_is_found() -> None:
    server = "server/src/stellwerk_server"
    sources = [
        Module(f"{server}/cli/app.py", "from stellwerk_server.engine import decide"),
        Module(f"{server}/engine/__init__.py", ""),
        Module(f"{server}/engine/decide.py", "from .retry import on_failure"),
        Module(f"{server}/engine/retry.py", ""),
        Module(f"{server}/engine/child.py", 'COMMAND = ["-m", "stellwerk_server.engine.spawned"]'),
        Module(f"{server}/engine/spawned.py", ""),
    ]
    assert dead_modules(sources, sources, {"stellwerk_server.cli.app"}) == [f"{server}/engine/child.py"]
