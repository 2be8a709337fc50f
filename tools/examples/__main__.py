"""The commands around the examples: check them all, serve those of one language, start and stop everything.

python -m tools.examples check|polyglot|work LANGUAGE|all|stop     (`make examples`, `make python`, `make all`, …)
"""

import argparse
import asyncio
import sys
from pathlib import Path

from stellwerk import StellwerkError
from tools.examples import polyglot
from tools.examples.check import check_all
from tools.examples.programs import LANGUAGES, ToolError
from tools.examples.stack import start_all, stop_all
from tools.examples.work import work

PORT = 7400


def main() -> int:
    """Do what was asked; errors are one sentence on stderr."""
    options = parse()
    try:
        do(options)
    except (ToolError, StellwerkError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was started is stopped\n")
        return 130
    return 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="The examples in Python, Node and Java.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="run every example in every language and compare what comes out")
    check.add_argument("languages", nargs="*", metavar="LANGUAGE", help="only these; then without polyglot")
    commands.add_parser("polyglot", help="show one run with a step in each language, if they are all there")
    serve = commands.add_parser("work", help="serve the examples of one language until Ctrl-C")
    serve.add_argument("language", choices=LANGUAGES)
    for name, help_text in (("all", "start a server and all workers"), ("stop", "end what `all` has started")):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("--folder", type=Path, default=Path(".stellwerk"), help="data, logs and pids")
        if name == "all":
            command.add_argument("--port", type=int, default=PORT, help="0 takes a free one")
    return parser.parse_args()


def do(options: argparse.Namespace) -> None:
    """The command that was named."""
    if options.command == "check":
        asyncio.run(check_all(known(options.languages), tell))
    elif options.command == "work":
        asyncio.run(work(options.language, tell))
    elif options.command == "polyglot":
        asyncio.run(polyglot.show(tell))
    elif options.command == "all":
        asyncio.run(start_all(options.folder.absolute(), options.port, tell))
    else:
        stop_all(options.folder.absolute(), tell)


def known(languages: list[str]) -> list[str]:
    """The languages that were asked for, all of them without one."""
    for language in languages:
        if language not in LANGUAGES:
            raise ToolError(f"LANGUAGE: expected one of {', '.join(LANGUAGES)}, came {language}")
    return languages or list(LANGUAGES)


def tell(line: str) -> None:
    """Say it now, also into a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
