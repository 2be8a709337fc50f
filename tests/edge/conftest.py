"""The servers of tests/integration, put together as in production, and one that is a program of its own."""

from tests.integration.conftest import api, database_url, http, server, start_server
from tests.support.servers import stellwerk_server

__all__ = ["api", "database_url", "http", "server", "start_server", "stellwerk_server"]
