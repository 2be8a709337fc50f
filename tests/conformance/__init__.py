"""One behaviour in three languages, checked with data; README.md says how."""
