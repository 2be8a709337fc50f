"""The dashboard as people see it, in a real browser, against real servers and workers."""
