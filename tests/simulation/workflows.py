"""The workflows simulated clients start: small, and between them everything a definition can ask for."""

DEFINITIONS = {
    "diamond": """
name: diamond
steps:
  - {id: a, action: x, retry: {max_attempts: 3, initial: 1s}}
  - {id: b, action: x, needs: [a], on_failure: continue, retry: {max_attempts: 2, initial: 2s}}
  - {id: c, action: y, needs: [a], priority: 3, retry: {max_attempts: 4, initial: 1s}}
  - {id: d, action: x, needs: [b, c], retry: {initial: 1s}}
output: "${steps.d.output}"
""",
    "holds": """
name: holds
steps:
  - {id: a, action: x, needs: [], on_failure: park, retry: {max_attempts: 2, initial: 1s}}
  - {id: f, action: y, needs: [], foreach: "${input.items}", on_failure: park, retry: {max_attempts: 2, initial: 1s}}
  - {id: z, action: x, needs: [a, f], when: "input.n > 1"}
""",
    "clocks": """
name: clocks
timeout: 40s
steps:
  - {id: a, action: x, timeout: {attempt: 3s, total: 12s, start: 4s}, on_failure: continue, retry: {initial: 1s}}
  - {id: s, sleep: 2s}
  - {id: f, action: x, foreach: "${input.items}", timeout: {total: 8s}, on_failure: continue, retry: {initial: 1s}}
  - {id: t, sleep: 1s, needs: [s]}
""",
    "asks": """
name: asks
steps:
  - {id: s, signal: go, needs: [], timeout: 5s, on_failure: continue}
  - {id: t, signal: go, needs: []}
  - {id: u, signal: stop, needs: [s]}
  - {id: v, action: y, needs: [t, u]}
""",
    "family": """
name: family
steps:
  - {id: k, workflow: diamond, needs: [], timeout: 20s, on_failure: continue}
  - id: m
    workflow: asks
    needs: []
    foreach: "${input.items}"
    parent_close: terminate
    timeout: 15s
    retry: {max_attempts: 2, initial: 1s}
    on_failure: continue
  - {id: c, workflow: coded, needs: [], timeout: 25s, on_failure: continue, retry: {max_attempts: 2, initial: 1s}}
  - {id: z, action: x, needs: [k, m, c]}
""",
}
ACTIONS = ("x", "y")
# Those a signal may be for.
ASKING = frozenset({"asks", "family", "coded"})
