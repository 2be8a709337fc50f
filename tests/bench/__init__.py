"""Measures the product: `python -m tests.bench`, `python -m tests.bench.profile`. Asserts no speed."""
