"""Whole servers under one seeded event loop in virtual time: a seed is a run, and gives the same run each time."""
