"""Every attribute our spans have, in one place: when a convention for workflows is agreed on, this is the edit."""

from __future__ import annotations

SCOPE = "stellwerk"

NAMESPACE = "stellwerk.namespace"
WORKFLOW = "stellwerk.workflow.name"
VERSION = "stellwerk.workflow.version"
RUN_ID = "stellwerk.run.id"
RUN_STATE = "stellwerk.run.state"
STEP_ID = "stellwerk.step.id"
STEP_STATE = "stellwerk.step.state"
ATTEMPT = "stellwerk.attempt"
ACTION = "stellwerk.action"
WORKER_ID = "stellwerk.worker.id"
ERROR_TYPE = "error.type"
