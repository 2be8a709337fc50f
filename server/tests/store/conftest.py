"""Adds the switch that writes the golden schema anew."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-golden", action="store_true", help="write schema.golden.sql from the migrations")
