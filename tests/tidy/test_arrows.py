"""Import arrows between the rooms of the server point one way, and the engine stays pure."""

import ast

from tests.tidy.tree import Module, modules, refuse

SERVER = "server/src/stellwerk_server"

# Room -> the rooms it may import. What is not listed is refused, a room that is not listed too.
ARROWS: dict[str, set[str]] = {
    "model": set(),
    "engine": {"model"},
    "definition": {"engine", "model"},
    "store": {"model"},
    "commit": {"engine", "store", "definition", "model"},
    "dispatch": {"commit", "store", "model"},
    "rpc": {"commit", "dispatch", "store", "definition", "model"},
    "web": {"rpc", "commit", "dispatch", "store", "definition", "model"},
    "loops": {"commit", "dispatch", "store", "model"},
    "embedded": set(),
    "telemetry": {"model"},
}
COMMON: dict[str, set[str]] = {"config": {"model"}}
# May be imported by every room except the pure ones.
OBSERVED = "telemetry"
PURE = {"model", "engine", "definition"}
# The top: `rooms` wires them together, `server` opens its doors, `cli` starts it; no room imports these.
TOP = {"cli", "rooms", "server"}
# Rooms that may speak the wire's messages.
WIRE = {"rpc", "web", "cli"}

IMPURE = {
    *("asyncio", "random", "secrets", "time", "uuid", "threading", "multiprocessing", "concurrent"),
    *("io", "os", "pathlib", "shutil", "socket", "ssl", "subprocess", "tempfile", "logging", "sys"),
    *("grpc", "psycopg", "redis", "sqlalchemy"),
}
IMPURE_CALLS = {"open", "print", "input", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}


def room_of(dotted: str) -> str:
    """The room (or top module) of a dotted name of the server; "" for anything else."""
    parts = dotted.split(".")
    return parts[1] if parts[0] == "stellwerk_server" and len(parts) > 1 else ""


def may_import(room: str, target: str) -> bool:
    """Whether the table lets one room import another."""
    if target in TOP:
        return False
    if room in COMMON:
        return target in COMMON[room]
    if target == OBSERVED and room not in PURE | set(COMMON):
        return True
    if target in COMMON:
        return room != "model"
    return target in ARROWS[room]


def wrong_arrows(module: Module, known: set[str]) -> list[str]:
    """Imports of this module that go against the table."""
    room = room_of(module.name)
    if not room or room in TOP or room.startswith("_"):
        return []
    if room not in ARROWS and room not in COMMON:
        return [f"{module.path}: '{room}' is in no table of tests/tidy/test_arrows.py"]
    return [
        f"{module.path}:{line}: {room} must not import {target} ({name})"
        for name, line in module.imports()
        if (target := room_of(name)) in known and target != room and not may_import(room, target)
    ]


def wrong_wire(module: Module) -> list[str]:
    """Uses of the generated messages or the SDK outside of the rooms that speak the wire."""
    room = room_of(module.name)
    found = [
        (name, line)
        for name, line in module.imports()
        if name.split(".")[0] == "stellwerk" and (room not in WIRE or (room == "cli" and "_grpc" in name))
    ]
    return [f"{module.path}:{line}: {room} must not import {name}" for name, line in found]


def impurities(module: Module) -> list[str]:
    """Clock, chance, I/O and concurrency in a room that must be a pure function."""
    imported = [
        f"{module.path}:{line}: the engine must not import {name}; pass the value in"
        for name, line in module.imports()
        if name.split(".")[0] in IMPURE
    ]
    called = [
        f"{module.path}:{node.lineno}: the engine must not call {ast.unparse(node.func)}; pass the value in"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and is_impure(ast.unparse(node.func))
    ]
    asynchronous = [
        f"{module.path}:{node.lineno}: the engine must not be asynchronous"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    ]
    return imported + called + asynchronous


def is_impure(call: str) -> bool:
    return call in IMPURE_CALLS or any(call.endswith(f".{name}") for name in IMPURE_CALLS if "." in name)


def server_module(path: str, text: str) -> Module:
    return Module(f"{SERVER}/{path}", text)


def test_arrows_point_one_way() -> None:
    rooms = modules(SERVER)
    known = {room_of(module.name) for module in rooms} - {""}
    refuse([problem for module in rooms for problem in wrong_arrows(module, known)])


def test_only_the_wire_rooms_know_the_messages() -> None:
    refuse([problem for module in modules(SERVER) for problem in wrong_wire(module)])


def test_the_engine_is_pure() -> None:
    refuse([problem for module in modules(f"{SERVER}/engine") for problem in impurities(module)])


def test_a_wrong_arrow_is_found_in_every_form_of_import() -> None:
    known = {"engine", "store", "model", "cli", "config"}
    forms = [
        "import stellwerk_server.store.runs",
        "from stellwerk_server.store import runs",
        "from stellwerk_server import store",
        "from ..store import runs",
        "from .. import store",
        "def late():\n    from stellwerk_server.store.runs import Runs",
    ]
    for text in forms:
        assert wrong_arrows(server_module("engine/decide.py", text), known), text
    right = "from stellwerk_server.model.ids import RunId\nfrom . import retry\nfrom ..config import Config"
    assert wrong_arrows(server_module("engine/decide.py", right), known) == []
    assert wrong_arrows(server_module("store/runs.py", "from stellwerk_server.engine import x"), known)
    assert wrong_arrows(server_module("store/runs.py", "from stellwerk_server.cli import app"), known)
    assert wrong_arrows(server_module("model/ids.py", "from stellwerk_server.config import Config"), known)
    assert wrong_arrows(server_module("attic/old.py", ""), known)


def test_telemetry_is_kept_out_of_the_pure_rooms() -> None:
    text = "from stellwerk_server.telemetry import metrics"
    assert wrong_arrows(server_module("engine/decide.py", text), {"telemetry"})
    assert wrong_arrows(server_module("commit/lane.py", text), {"telemetry"}) == []


def test_a_wrong_use_of_the_wire_is_found() -> None:
    assert wrong_wire(server_module("engine/decide.py", "from stellwerk.v1 import run_pb2"))
    assert wrong_wire(server_module("cli/run.py", "from stellwerk.v1 import run_pb2_grpc"))
    assert wrong_wire(server_module("cli/run.py", "from stellwerk import Client")) == []
    assert wrong_wire(server_module("rpc/runs.py", "from stellwerk.v1 import run_pb2_grpc")) == []


def test_an_impurity_is_found() -> None:
    for text in (
        "import asyncio",
        "from random import random",
        "import os.path",
        "x = datetime.now()",
        "x = datetime.datetime.now(UTC)",
        "open('x')",
        "async def decide(): ...",
    ):
        assert impurities(server_module("engine/decide.py", text)), text
    assert impurities(server_module("engine/decide.py", "from datetime import datetime\nx = reopen(now)")) == []
