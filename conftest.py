"""The fixtures every test of this checkout may ask for. Registers them only; they live in tests/support."""

pytest_plugins = ["tests.support.databases"]
