"""The census worker: three handlers, registered by name, that a Stellwerk server hands tasks to.

    python worker.py                 # serves 127.0.0.1:7400, or STELLWERK_ADDRESS

Paths are bytes here: a file's name need not be UTF-8, and the figures must be right all the same.
"""

# pathlib knows no bytes:
# ruff: noqa: PTH112, PTH118, PTH119, PTH122, PTH123

import os
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from stellwerk import TaskContext, TerminalError, Worker

SKIP = [
    *(".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", "build", "dist", "target"),
    *("*.egg-info", "*_cache", ".hypothesis", ".idea", ".gradle", ".make", ".stellwerk"),
]
CHUNK_EVERY_FILES = 200
READ_BYTES = 1 << 20
UNREADABLE_SHOWN = 20

worker = Worker()


@dataclass
class Totals:
    """Files, lines and bytes of something."""

    files: int = 0
    lines: int = 0
    bytes: int = 0

    def add(self, other: "Totals") -> None:
        """Add another part."""
        self.files += other.files
        self.lines += other.lines
        self.bytes += other.bytes

    def __str__(self) -> str:
        return f"{self.files:,} files, {self.lines:,} lines, {self.bytes:,} bytes"


@dataclass
class Request:
    """The workflow's input."""

    folder: str
    skip: list[str] = field(default_factory=lambda: SKIP)
    report: str | None = None


@worker.handler("census.folders")
def folders(request: Request, ctx: TaskContext) -> list[str]:
    """Every folder of the tree, from the top; links are not followed."""
    root = os.fsencode(request.folder)
    if not os.path.isdir(root):
        raise TerminalError(f"folder: expected a folder, came '{request.folder}'", type="NoSuchFolder")
    skipped = skipping(request.skip)
    found, waiting = [], [b""]
    while waiting:
        folder = waiting.pop()
        found.append(to_text(folder or b"."))
        below = folders_in(os.path.join(root, folder))
        waiting += [os.path.join(folder, name) for name in reversed(below) if not skipped.fullmatch(name)]
        ctx.heartbeat({"folders": len(found)})
    return found


@dataclass
class Part:
    """One folder of the tree."""

    root: str
    folder: str


@worker.handler("census.count")
def count(part: Part) -> Generator[str, None, dict[str, Any]]:
    """Count the files of one folder, without those below it; every chunk says how far it is."""
    languages: dict[str, Totals] = {}
    unreadable: list[bytes] = []
    seen = 0
    for path in files_of(os.path.join(os.fsencode(part.root), from_text(part.folder)), unreadable):
        try:
            lines, size = measure(path)
        except OSError:
            unreadable.append(path)
            continue
        languages.setdefault(language_of(path), Totals()).add(Totals(1, lines, size))
        seen += 1
        if seen % CHUNK_EVERY_FILES == 0:
            yield f"{shown(part.folder)}: {seen} files so far"
    if seen:
        yield f"{shown(part.folder)}: {total(languages)}"
    return {"folder": part.folder, "languages": languages, "unreadable": [to_text(path) for path in unreadable]}


@dataclass
class Counts:
    """What the report is made of."""

    request: Request
    counts: list[dict[str, Any]]


@worker.handler("census.report")
def report(counted: Counts) -> dict[str, Any]:
    """Add everything up and write the Markdown."""
    languages: dict[str, Totals] = {}
    for part in counted.counts:
        for name, totals in part["languages"].items():
            languages.setdefault(name, Totals()).add(Totals(**totals))
    unreadable = [path for part in counted.counts for path in part["unreadable"]]
    text = markdown(counted.request.folder, languages, len(counted.counts), [shown(path) for path in unreadable])
    if counted.request.report:
        Path(counted.request.report).write_text(text, encoding="utf-8")
    return {
        "folders": len(counted.counts),
        "total": total(languages),
        "languages": languages,
        "unreadable": unreadable,
        "report": counted.request.report,
        "markdown": text,
    }


def skipping(patterns: list[str]) -> re.Pattern[bytes]:
    """Matches the names of folders that are left out; * stands for anything."""
    return re.compile(b"|".join(re.escape(pattern.encode()).replace(rb"\*", b".*") for pattern in patterns), re.DOTALL)


def folders_in(folder: bytes) -> list[bytes]:
    """The names of the folders right in a folder; none when it cannot be read, which `count` will tell."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def files_of(folder: bytes, unreadable: list[bytes]) -> Iterator[bytes]:
    """The regular files right in a folder, no links, pipes or sockets; notes a folder that cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
    except OSError:
        unreadable.append(folder)
        return
    for name in names:
        yield os.path.join(folder, name)


def measure(path: bytes) -> tuple[int, int]:
    """Lines as `wc -l` counts them (newline bytes) and bytes as `wc -c` does, of one and the same reading."""
    lines = size = 0
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(READ_BYTES):
            lines += piece.count(b"\n")
            size += len(piece)
    return lines, size


def total(languages: Mapping[str, Totals]) -> Totals:
    """All languages together."""
    everything = Totals()
    for totals in languages.values():
        everything.add(totals)
    return everything


def markdown(folder: str, languages: Mapping[str, Totals], folders: int, unreadable: list[str]) -> str:
    """The report: a table, most lines first."""
    ordered = sorted(languages.items(), key=lambda item: (-item[1].lines, item[0]))
    rows = [row(name, totals) for name, totals in [*ordered, ("**all**", total(languages))]]
    lines = [
        f"# Census of {folder}",
        "",
        f"{folders:,} folders. Lines are newline characters, as `wc -l` counts them.",
        "",
        "| Language | Files | Lines | Bytes |",
        "|---|--:|--:|--:|",
        *rows,
    ]
    if unreadable:
        more = len(unreadable) - UNREADABLE_SHOWN
        lines += ["", f"{len(unreadable):,} files and folders could not be read and are in no figure:", ""]
        lines += [f"- `{path}`" for path in unreadable[:UNREADABLE_SHOWN]]
        lines += [f"- and {more:,} more"] if more > 0 else []
    return "\n".join([*lines, ""])


def row(name: str, totals: Totals) -> str:
    """One line of the table."""
    return f"| {name} | {totals.files:,} | {totals.lines:,} | {totals.bytes:,} |"


# All of printable ASCII but the percent sign stays as it is.
_SAFE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def to_text(name: bytes) -> str:
    """A name as text that any payload can carry: percent-encoded."""
    return quote_from_bytes(name, safe=_SAFE)


def from_text(text: str) -> bytes:
    """The name again, byte for byte."""
    return unquote_to_bytes(text)


def shown(text: str) -> str:
    """The name for people: as it is when it is UTF-8, without what would play tricks on a terminal."""
    try:
        return _TRICKS.sub("\N{REPLACEMENT CHARACTER}", from_text(text).decode())
    except UnicodeDecodeError:
        return text


_TRICKS = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")

OTHER = "other"

_EXTENSIONS = {
    "C": "c h",
    "C#": "cs",
    "C++": "cc cpp cxx hh hpp hxx",
    "CSS": "css scss sass less",
    "Clojure": "clj cljs cljc edn",
    "Dart": "dart",
    "Elixir": "ex exs",
    "Erlang": "erl hrl",
    "Go": "go",
    "HTML": "html htm",
    "Haskell": "hs",
    "JSON": "json jsonl",
    "Java": "java",
    "JavaScript": "js jsx mjs cjs",
    "Kotlin": "kt kts",
    "Lua": "lua",
    "Markdown": "md markdown",
    "OCaml": "ml mli",
    "PHP": "php",
    "Perl": "pl pm",
    "Protobuf": "proto",
    "Python": "py pyi",
    "R": "r",
    "Ruby": "rb",
    "Rust": "rs",
    "SQL": "sql",
    "Scala": "scala sc",
    "Shell": "sh bash zsh fish",
    "Swift": "swift",
    "TOML": "toml",
    "Text": "txt rst",
    "TypeScript": "ts tsx mts cts",
    "XML": "xml xsd xsl",
    "YAML": "yaml yml",
    "Zig": "zig",
}
_NAMES = {"makefile": "Make", "gnumakefile": "Make", "dockerfile": "Dockerfile", "cmakelists.txt": "CMake"}
_BY_EXTENSION = {f".{end}": language for language, ends in _EXTENSIONS.items() for end in ends.split()}


def language_of(path: bytes) -> str:
    """The language of a file; "other" when neither its name nor its extension says."""
    name = os.path.basename(path).lower().decode("latin-1")
    return _NAMES.get(name) or _BY_EXTENSION.get(os.path.splitext(name)[1], OTHER)


if __name__ == "__main__":
    worker.start()
