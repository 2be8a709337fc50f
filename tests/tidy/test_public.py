"""What is public is listed and explained: module docstrings, `__all__`, floors of the generated code."""

import ast
import importlib
import re
import tomllib

from tests.tidy.tree import GENERATED, Module, committed_files, modules, read, refuse

SDK = "sdk/python/src/stellwerk/__init__.py"
MANIFESTS = ("sdk/python/pyproject.toml", "server/pyproject.toml")


def module_docstring_problem(module: Module) -> str | None:
    """What is wrong with the first lines of a module, if anything."""
    if ast.get_docstring(module.tree):
        return None
    return f"{module.path}: no docstring; say in two or three lines what it is for and what it must not do"


def listed_names(text: str) -> list[str] | None:
    """The literal `__all__` of a module, None when it has none."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


def public_names(text: str) -> set[str]:
    """The names a module binds at its top, without private ones."""
    bound: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom):
            bound |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            bound.add(node.name)
    return {name for name in bound if not name.startswith("_")}


def floor(requirements: list[str], package: str) -> tuple[int, ...]:
    """The lowest version a manifest lets in."""
    found = (re.fullmatch(rf"{package}(?:\[\w+\])?>=([\d.]+).*", line) for line in requirements)
    return version(next(match[1] for match in found if match))


def version(text: str) -> tuple[int, ...]:
    numbers = [int(part) for part in text.split(".")]
    return (*numbers, *[0] * (3 - len(numbers)))


def needed_floors() -> dict[str, tuple[int, ...]]:
    """What the generated code refuses to be imported below."""
    grpc = re.search(r"GRPC_GENERATED_VERSION = '([\d.]+)'", read(f"{GENERATED}run_pb2_grpc.py"))
    protobuf = re.search(r"# Protobuf Python Version: ([\d.]+)", read(f"{GENERATED}run_pb2.py"))
    assert grpc
    assert protobuf
    return {"grpcio": version(grpc[1]), "protobuf": version(protobuf[1])}


def test_every_module_says_what_it_is_for() -> None:
    refuse([problem for module in modules() if (problem := module_docstring_problem(module))])


def test_the_sdk_lists_its_public_names() -> None:
    text = read(SDK)
    if not public_names(text):
        return
    listed = listed_names(text)
    assert listed is not None, f"{SDK}: no __all__"
    assert listed == sorted(set(listed)), "sort __all__, each name once"
    assert public_names(text) <= set(listed), "exported by accident: list it, or make it private"
    package = importlib.import_module("stellwerk")
    assert [name for name in listed if not hasattr(package, name)] == []


def test_every_listed_name_of_the_sdk_has_a_docstring() -> None:
    package = importlib.import_module("stellwerk")
    listed = [getattr(package, name) for name in listed_names(read(SDK)) or []]
    assert [value for value in listed if callable(value) and not value.__doc__] == []


def test_the_manifests_ask_for_what_the_generated_code_needs() -> None:
    problems = [
        f"{path}: {package} must be >={'.'.join(map(str, lowest))}, as the generated code refuses older ones"
        for path in MANIFESTS
        for package, lowest in needed_floors().items()
        if floor(tomllib.loads(read(path))["project"]["dependencies"], package) < lowest
    ]
    refuse(problems)


def test_generated_code_is_committed_for_every_proto() -> None:
    protos = [path for path in committed_files() if path.endswith(".proto")]
    refuse([path for path in protos if generated(path) not in committed_files()])


def generated(proto: str) -> str:
    """Where the Python code of a proto stands: in the SDK, or beside a proto that only tests use."""
    folder = GENERATED if proto.startswith("proto/") else f"{proto.rpartition('/')[0]}/"
    return f"{folder}{proto.rpartition('/')[2].removesuffix('.proto')}_pb2.py"


def test_a_missing_docstring_is_found() -> None:
    assert module_docstring_problem(Module("m.py", ""))
    assert module_docstring_problem(Module("m.py", "# a comment\nx = 1"))
    assert module_docstring_problem(Module("m.py", '"""What it is for."""')) is None


def test_an_unlisted_name_is_found() -> None:
    text = "from stellwerk._client import Client, _hidden\n__all__ = ['Client']\ndef helper(): ..."
    assert listed_names(text) == ["Client"]
    assert public_names(text) == {"Client", "helper"}


def test_a_low_floor_is_found() -> None:
    assert floor(["grpcio-status>=2", "grpcio>=1.80"], "grpcio") == (1, 80, 0)
    assert floor(["psycopg[binary]>=3.2.9"], "psycopg") < (3, 3, 0)
    assert version("1.85.1") > version("1.85") > version("1.9")
