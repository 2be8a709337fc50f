"""Stellwerk: the server that owns every run."""

__version__ = "0.1.0"
