"""What must not be committed: nouns the API avoids, paths of one machine, hosts of package registries."""

import re

from tests.tidy.tree import committed_files, read, refuse

# Overloaded in this field: say run, step, task, workflow, worker.
AVOIDED_NOUNS = {"job", "execution", "process", "flow"}

# Every pattern has a group in it so that it does not find itself in this file.
MACHINE_PATHS = re.compile(r"(?<![\w.$}~])/(?:roo(?:t)/|wor(?:k)/|hom(?:e)/[a-z]|Use(?:rs)/|tm(?:p)/[A-Za-z])")
REGISTRY_HOSTS = re.compile(
    r"registry\.(?:npmjs|yarnpkg)\.|pyp(?:i)\.(?:org|python)|python(?:hosted)\.org|repo1?\.(?:maven)\.|--(?:extra-)?index(?:-)url\b"
)
BINARY = (".png", ".jpg", ".gif", ".svg", ".ico", ".woff2")

# "path" -> why the words are right there.
EXCEPTIONS: dict[str, str] = {
    "tests/tidy/test_words.py": "it holds samples of what it looks for",
}


def words(identifier: str) -> set[str]:
    """The words of a camel- or snake-case identifier, in lower case and singular."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", identifier)
    return {part.lower() for part in parts} | {re.sub(r"e?s$", "", part.lower()) for part in parts}


def avoided_nouns(path: str, proto: str) -> list[str]:
    """Identifiers of a proto file with an avoided noun in them; comments may use plain English."""
    found = []
    for number, line in enumerate(proto.splitlines(), 1):
        code = re.sub(r'//.*|"[^"]*"', "", line)
        found += [
            f"{path}:{number}: '{name}' uses an avoided noun ({', '.join(sorted(AVOIDED_NOUNS))})"
            for name in re.findall(r"\w+", code)
            if words(name) & AVOIDED_NOUNS
        ]
    return found


def wrong_places(path: str, text: str) -> list[str]:
    """Lines that hold a path of one machine or the host of a package registry."""
    return [
        f"{path}:{number}: {line.strip()[:100]}"
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATHS.search(line) or REGISTRY_HOSTS.search(line)
    ]


def test_the_protos_avoid_overloaded_nouns() -> None:
    protos = [path for path in committed_files() if path.endswith(".proto")]
    assert protos
    refuse([problem for path in protos for problem in avoided_nouns(path, read(path))])


def test_no_committed_file_names_a_machine_or_a_registry() -> None:
    texts = [path for path in committed_files() if not path.endswith(BINARY) and path not in EXCEPTIONS]
    refuse([problem for path in texts for problem in wrong_places(path, read(path))])


def test_every_exception_is_needed() -> None:
    assert [path for path in EXCEPTIONS if not wrong_places(path, read(path))] == []


def test_an_avoided_noun_is_found_in_identifiers_only() -> None:
    for line in (
        "message JobSpec {",
        "rpc StartExecution(X) returns (Y);",
        "  string flow_id = 1;",
        "  repeated Process processes = 2;",
    ):
        assert avoided_nouns("x.proto", line), line
    for line in (
        "  // Unique per worker process.",
        'import "process.proto";',
        "message Workflow {",
        "  string workflow = 1;",
    ):
        assert avoided_nouns("x.proto", line) == [], line


def test_a_machine_path_and_a_registry_are_found() -> None:
    for line in (
        "cd /root/x",
        'open("/work/main")',
        "dir=/tmp/data",
        "https://registry.npmjs.org/x",
        "https://pypi.org/simple",
    ):
        assert wrong_places("x", line), line
    for line in (
        "see example.com/work/x",
        "$HOME/work/x",
        "./tmp/x",
        "/usr/bin/env bash",
        "sdk/root/x",
    ):
        assert wrong_places("x", line) == [], line
