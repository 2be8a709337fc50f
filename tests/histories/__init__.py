"""Histories that were recorded once and must replay for ever; README.md says how they are added."""
