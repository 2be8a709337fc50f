"""A small tree with all that is awkward in trees, and what the census of it must say to the letter."""

# pathlib knows no bytes, and some of these names are no text:
# ruff: noqa: PTH118, PTH123

import os
from pathlib import Path
from typing import Any

# The last of these folders has a path longer than a kernel takes: the census must tell that it could not read it.
DEEP_NAME, DEEP_LEVELS = b"d" * 255, 16

FILES = {
    b"no end.py": b"x = 1\ny = 2",
    b"nothing.py": b"",
    b"UPPER.PY": b"z = 3\r\n\r\n",
    b"..py": b"not Python\n",
    b"line end.py\n": b"not Python either\n",
    b"constructor": b"a name every object of JavaScript knows\n",
    b"100%25.md": b"# 100 %\n",
    "läs mig.md".encode(): "# Hallå\n".encode(),
    "Ü\u202etxt.yaml".encode(): b"a: 1\n",
    b"Makefile": b"all:\n\ttrue\n",
    b"sub/CMakeLists.txt": b"project(x)\n",
    b"sub/picture.png": bytes(range(256)) * 9_000,
    b"line\nbreak/in.py": b"import this\n" * 3,
    b"not \xff utf-8 %/\xfe\xed.py": b"import that\n",
    b"\xed\xa0\x80/surrogate.md": b"no text\n\n",
    b".git/config": b"left out\n",
    b"x.egg-info/in.py": b"left = 'out'\n",
}


def make(tree: Path) -> Path:
    """Make the tree in a folder that is not there yet."""
    root = os.fsencode(tree)
    for name, content in FILES.items():
        os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)  # noqa: PTH103, PTH120
        with open(os.path.join(root, name), "wb") as file:
            file.write(content)
    (tree / "empty").mkdir()
    (tree / "link.py").symlink_to(tree / "no end.py")
    (tree / "loop").symlink_to(tree)
    (tree / "dangling.py").symlink_to(tree / "nowhere")
    os.mkfifo(tree / "pipe.py")
    _make_deep(tree)
    return tree


def _make_deep(tree: Path) -> None:
    """Level by level from inside, as no path reaches it."""
    inside = os.open(tree, os.O_RDONLY)
    for _ in range(DEEP_LEVELS):
        os.mkdir(DEEP_NAME, dir_fd=inside)
        deeper = os.open(DEEP_NAME, os.O_RDONLY, dir_fd=inside)
        os.close(inside)
        inside = deeper
    os.close(inside)


_UNREADABLE = "SCRATCH/tree" + "/DEEP" * DEEP_LEVELS

REPORT = f"""\
# Census of SCRATCH/tree

22 folders. Lines are newline characters, as `wc -l` counts them.

| Language | Files | Lines | Bytes |
|---|--:|--:|--:|
| other | 4 | 9,003 | 2,304,069 |
| Python | 5 | 7 | 68 |
| Markdown | 3 | 4 | 26 |
| Make | 1 | 2 | 11 |
| CMake | 1 | 1 | 11 |
| YAML | 1 | 1 | 5 |
| **all** | 15 | 9,018 | 2,304,190 |

1 files and folders could not be read and are in no figure:

- `{_UNREADABLE}`
"""

EXPECTED: dict[str, Any] = {
    "folders": 22,
    "total": {"files": 15, "lines": 9_018, "bytes": 2_304_190},
    "languages": {
        "other": {"files": 4, "lines": 9_003, "bytes": 2_304_069},
        "Markdown": {"files": 3, "lines": 4, "bytes": 26},
        "Make": {"files": 1, "lines": 2, "bytes": 11},
        "Python": {"files": 5, "lines": 7, "bytes": 68},
        "YAML": {"files": 1, "lines": 1, "bytes": 5},
        "CMake": {"files": 1, "lines": 1, "bytes": 11},
    },
    "unreadable": [_UNREADABLE],
    "report": "SCRATCH/report.md",
    "markdown": REPORT,
    "on disk": REPORT,
    "streamed": [
        "%ED%A0%80: 1 files, 2 lines, 9 bytes",
        ".: 10 files, 11 lines, 122 bytes",
        "line\ufffdbreak: 1 files, 3 lines, 36 bytes",
        "not %FF utf-8 %25: 1 files, 1 lines, 12 bytes",
        "sub: 2 files, 9,001 lines, 2,304,011 bytes",
    ],
}
