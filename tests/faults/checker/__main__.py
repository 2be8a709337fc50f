"""`python -m tests.faults.checker FOLDER --dsn DSN`: the report of a run that is over, again; 1 unless all is well."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.faults.report import write_report


def main() -> int:
    """Check, write and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.checker", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the logs of the run are")
    parser.add_argument("--dsn", required=True, help="the database it has left behind")
    options = parser.parse_args()
    report = write_report(options.folder, options.dsn)
    sys.stdout.write(report.text)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
