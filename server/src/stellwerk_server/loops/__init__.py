"""Background loops, all of one form: leases, timers, workers, the pulse and the broom."""
