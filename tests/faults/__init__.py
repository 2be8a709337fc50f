"""The whole system under faults: real processes, continuous load, and a checker that reads what was promised."""
