"""The workflows of the load, one for each feature of definitions. Must not know who serves their actions."""

from __future__ import annotations

RETRY = "retry: {max_attempts: 10, initial: 100ms, max: 2s}"
ITEMS = 12

DEFINITIONS = {
    "sequence": f"""
name: sequence
steps:
  - {{id: one, action: touch, {RETRY}}}
  - {{id: two, action: touch, needs: [one], {RETRY}}}
  - {{id: three, action: touch, needs: [two], {RETRY}}}
""",
    "diamond": f"""
name: diamond
steps:
  - {{id: top, action: touch, {RETRY}}}
  - {{id: left, action: flaky, needs: [top], {RETRY}}}
  - {{id: right, action: slow, needs: [top], {RETRY}}}
  - {{id: middle, action: stream, needs: [top], {RETRY}}}
  - {{id: bottom, action: touch, needs: [left, right, middle], {RETRY}}}
output: "${{steps.bottom.output}}"
""",
    "each": f"""
name: each
steps:
  - {{id: list, action: touch, {RETRY}}}
  - id: items
    needs: [list]
    action: touch
    foreach: "${{input.items}}"
    input: {{taint: "${{input.taint}}", item: "${{item}}", index: "${{index}}"}}
    {RETRY}
  - {{id: last, needs: [items], action: flaky, input: {{taint: "${{input.taint}}"}}, {RETRY}}}
output: "${{steps.last.output}}"
""",
    "nap": f"""
name: nap
steps:
  - {{id: short, sleep: 200ms}}
  - {{id: between, needs: [short], action: touch, {RETRY}}}
  - {{id: long, needs: [between], sleep: "${{input.sleep_s}}"}}
  - {{id: after, needs: [long], action: touch, {RETRY}}}
""",
    "late": """
name: late
steps:
  - {id: linger, action: linger, timeout: {attempt: 1s}, retry: {max_attempts: 6, initial: 100ms}}
  - {id: nobody, action: nobody, needs: [linger], timeout: {start: 1s}, on_failure: continue}
  - {id: after, action: touch, needs: [linger, nobody], retry: {max_attempts: 10, initial: 100ms}}
""",
    "brief": """
name: brief
timeout: 2s
steps:
  - {id: never, signal: never}
""",
    "choice": f"""
name: choice
steps:
  - {{id: first, action: touch, {RETRY}}}
  - {{id: taken, needs: [first], action: touch, when: "input.flag", {RETRY}}}
  - {{id: left, needs: [first], action: touch, when: "!input.flag", {RETRY}}}
  - {{id: last, needs: [taken, left], action: touch, {RETRY}}}
output: "${{steps.last.output}}"
""",
    "parked": """
name: parked
steps:
  - {id: first, action: touch, retry: {max_attempts: 10, initial: 100ms}}
  - {id: poison, needs: [first], action: poison, retry: {max_attempts: 3, initial: 100ms}, on_failure: park}
""",
    "doomed": """
name: doomed
steps:
  - {id: kept, action: touch, retry: {max_attempts: 10, initial: 100ms}}
  - {id: fatal, needs: [kept], action: fatal, retry: {max_attempts: 4, initial: 100ms}}
""",
    "told": f"""
name: told
steps:
  - {{id: first, signal: go}}
  - {{id: between, needs: [first], action: touch, input: {{taint: "${{input.taint}}"}}, {RETRY}}}
  - {{id: second, needs: [between], signal: go}}
output: {{first: "${{steps.first.output}}", second: "${{steps.second.output}}"}}
""",
    "parent": f"""
name: parent
steps:
  - {{id: before, action: touch, {RETRY}}}
  - id: child
    needs: [before]
    workflow: sequence
    input: {{taint: "${{input.taint}}"}}
    retry: {{max_attempts: 3, initial: 100ms}}
  - id: children
    needs: [before]
    workflow: diamond
    foreach: "${{input.items}}"
    input: {{taint: "${{input.taint}}", item: "${{item}}"}}
    retry: {{max_attempts: 3, initial: 100ms}}
  - {{id: after, needs: [child, children], action: touch, input: {{taint: "${{input.taint}}"}}, {RETRY}}}
output: "${{steps.after.output}}"
""",
    "crashing": """
name: crashing
steps:
  - {id: crash, action: crash, retry: {max_attempts: 10, initial: 100ms}}
  - {id: after, needs: [crash], action: touch, retry: {max_attempts: 10, initial: 100ms}}
""",
    "long": f"""
name: long
steps:
  - {{id: one, action: slow, {RETRY}}}
  - {{id: two, action: slow, needs: [one], {RETRY}}}
  - {{id: three, action: slow, needs: [two], {RETRY}}}
""",
    "bare": """
name: bare
steps:
  - {id: one, action: bare, retry: {max_attempts: 20, initial: 100ms, max: 1s}}
  - {id: two, action: bare, needs: [one], retry: {max_attempts: 20, initial: 100ms, max: 1s}}
output: "${steps.two.output}"
""",
    "probe": """
name: probe
steps:
  - {id: probe, action: probe, queue: probe, retry: {max_attempts: 10, initial: 50ms}}
""",
}

CODE = {"python": "code-python", "node": "code-node", "java": "code-java"}
