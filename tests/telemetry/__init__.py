"""What is told about runs: one trace over client, server and workers, and log records that name their run."""
