"""Calls and texts that are not used here, each with what to use instead."""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.tidy.tree import ROOT, Module, committed_files, is_test, modules, read, refuse

SERVER = "server/src/stellwerk_server/"
SHORT_WAIT_S = 0.5

Where = Callable[[str], bool]


def everywhere(_path: str) -> bool:
    return True


def in_tests(path: str) -> bool:
    return is_test(path) and not path.startswith("tests/bench/")


def outside(*folders: str) -> Where:
    """Every path but those below these folders."""
    return lambda path: not path.startswith(folders)


@dataclass(frozen=True)
class Ban:
    """A call that is refused where `where` says so."""

    call: str
    where: Where
    instead: str


TERMINAL = (f"{SERVER}cli/", "examples/", "tests/bench/", "tools/")

BANS = [
    Ban("time.sleep", in_tests, "wait on an event, or call wait_until of tests/support/programs.py"),
    Ban("print", outside(*TERMINAL), "log, or return the value; only the CLI, examples and benches print"),
    Ban("eval", everywhere, "CEL through the definition room"),
    Ban("exec", everywhere, "a function"),
    Ban(
        "logging.basicConfig",
        outside(f"{SERVER}cli/", "examples/", "tests/bench/"),
        "the CLI sets logging up",
    ),
    Ban("datetime.utcnow", everywhere, "the database's clock, or datetime.now(UTC)"),
    Ban("datetime.utcfromtimestamp", everywhere, "datetime.fromtimestamp(seconds, UTC)"),
    Ban("asyncio.get_event_loop", everywhere, "asyncio.get_running_loop"),
    Ban("asyncio.ensure_future", everywhere, "a TaskGroup, or asyncio.create_task with the task kept"),
    Ban("os.system", everywhere, "subprocess.run with a list"),
]

# "path: call" -> why it is right there.
EXCEPTIONS: dict[str, str] = {
    "tests/support/programs.py: time.sleep": "the shared bounded poll, for what has no event to wait on",
}

AD_HOC_SQL = re.compile(
    r"""\b(?:execute|executemany|fetch\w*|text)\(\s*[rbf]{0,2}(?:"{3}|'{3}|["'])\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b""",
    re.IGNORECASE,
)
# NOTIFY inside a transition is 11 to 22 times slower; hints leave on a connection of their own.
NOTIFY = re.compile(r"\bNOTIFY\b|\bpg_notify\b", re.IGNORECASE)
NOTIFY_ALLOWED = f"{SERVER}store/sql/notify.sql"


def banned_calls(module: Module) -> list[tuple[str, str]]:
    """The bans this module breaks: an exception's key and the message."""
    bans = [ban for ban in BANS if ban.where(module.path)]
    names = _imported_names(module)
    found = []
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        call = _full_name(ast.unparse(node.func), names)
        found += [
            (
                f"{module.path}: {ban.call}",
                f"{module.path}:{node.lineno}: {ban.call} is banned: {ban.instead}",
            )
            for ban in bans
            if call == ban.call or ("." in ban.call and call.endswith(f".{ban.call}"))
        ]
    return found


def _imported_names(module: Module) -> dict[str, str]:
    """What `from a import b` and `import a as b` call by another name."""
    names = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
        elif isinstance(node, ast.Import):
            names.update({alias.asname: alias.name for alias in node.names if alias.asname})
    return names


def _full_name(call: str, names: dict[str, str]) -> str:
    first, dot, rest = call.partition(".")
    return f"{names.get(first, first)}{dot}{rest}"


def long_sleeps(module: Module) -> list[str]:
    """Fixed waits of half a second and more in a test."""
    return [
        f"{module.path}:{node.lineno}: a fixed wait of {node.args[0].value} s; wait on an event"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("sleep")
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, int | float)
        and node.args[0].value >= SHORT_WAIT_S
    ]


def ad_hoc_sql(module: Module) -> list[str]:
    """SQL that stands in a call instead of in a named query of the store."""
    lines = (module.text.count("\n", 0, match.start()) + 1 for match in AD_HOC_SQL.finditer(module.text))
    return [f"{module.path}:{line}: SQL in a call; make it a named query in store/sql" for line in lines]


def notifies(path: str, text: str) -> list[str]:
    """NOTIFY anywhere but in the one file that sends the hints; comments may name it."""
    if path == NOTIFY_ALLOWED:
        return []
    code = (line.partition("--")[0] for line in text.splitlines())
    return [f"{path}:{n}: NOTIFY is banned inside transitions" for n, line in enumerate(code, 1) if NOTIFY.search(line)]


def test_no_banned_call_is_used() -> None:
    found = [hit for module in modules() for hit in banned_calls(module)]
    refuse([message for key, message in found if key not in EXCEPTIONS])
    assert [key for key in EXCEPTIONS if key not in {key for key, _ in found}] == [], "stale exceptions"


def test_no_test_waits_for_a_fixed_time() -> None:
    refuse([problem for module in modules() if in_tests(module.path) for problem in long_sleeps(module)])


def test_sql_stands_in_the_store() -> None:
    outside_store = [m for m in modules(SERVER.rstrip("/")) if not m.path.startswith(f"{SERVER}store/")]
    refuse([problem for module in outside_store for problem in ad_hoc_sql(module)])


def test_no_transition_notifies() -> None:
    queries = [path for path in committed_files() if path.endswith(".sql")]
    refuse([problem for path in queries for problem in notifies(path, read(path))])


def test_packages_of_unit_tests_do_not_shadow_the_root_tests() -> None:
    shadows = [folder for folder in ("server/tests", "sdk/python/tests") if (ROOT / folder / "__init__.py").exists()]
    assert shadows == [], "two packages named 'tests': take the inner __init__.py out"


def test_a_banned_call_is_found_under_every_name() -> None:
    for text in (
        "import time\ntime.sleep(1)",
        "from time import sleep\nsleep(1)",
        "import time as t\nt.sleep(1)",
        "eval('1')",
        "import datetime\ndatetime.datetime.utcnow()",
        "from datetime import datetime as d\nd.utcnow()",
    ):
        assert banned_calls(Module("server/tests/test_x.py", text)), text
    assert banned_calls(Module(f"{SERVER}rpc/runs.py", "print(1)"))
    assert banned_calls(Module(f"{SERVER}cli/run.py", "print(1)")) == []
    assert banned_calls(Module(f"{SERVER}rpc/runs.py", "import time\nredis.eval(1)\ntime.sleep(1)")) == []


def test_a_fixed_wait_is_found() -> None:
    assert long_sleeps(Module("tests/x.py", "await asyncio.sleep(1)"))
    assert long_sleeps(Module("tests/x.py", "await asyncio.sleep(0.01)\nawait asyncio.sleep(delay_s)")) == []


def test_sql_in_a_call_is_found() -> None:
    for text in (
        'await conn.execute("SELECT 1")',
        "conn.execute(f'delete from runs')",
        'conn.execute(\n    """\n    INSERT INTO runs"""\n)',
        'conn.execute(text("update runs set x"))',
    ):
        assert ad_hoc_sql(Module("m.py", text)), text
    assert ad_hoc_sql(Module("m.py", 'conn.execute(queries.select_runs)\nconn.execute("selected")')) == []


def test_a_notify_is_found() -> None:
    assert notifies("server/src/x.sql", "SELECT pg_notify('a', 'b')")
    assert notifies("server/src/x.sql", "NOTIFY stellwerk")
    assert notifies("server/src/x.sql", "-- no NOTIFY here\nSELECT 1") == []
    assert notifies(NOTIFY_ALLOWED, "NOTIFY stellwerk") == []
