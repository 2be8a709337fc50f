"""deploy/ and the runbook, as far as they can be checked without a container engine or a cluster."""
