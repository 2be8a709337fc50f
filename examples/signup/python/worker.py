"""The signup worker: a workflow as code, which waits for an hour between two emails, and the handlers that send them.

python worker.py                 # serves 127.0.0.1:7400, or STELLWERK_ADDRESS
"""

import os
from typing import Any

from stellwerk import TaskContext, Worker, WorkflowContext

# An hour, unless somebody who tries it has less patience.
WAIT_S = float(os.environ.get("STELLWERK_EXAMPLE_WAIT_S", "3600"))

worker = Worker()


@worker.workflow("userSignupFlow")
async def user_signup_flow(ctx: WorkflowContext) -> None:
    await ctx.step("sendWelcomeEmail")
    await ctx.wait(WAIT_S)  # a durable timer; the worker holds nothing meanwhile
    await ctx.step("sendFollowupEmail")


@worker.handler("sendWelcomeEmail")
def send_welcome_email(_: Any, ctx: TaskContext) -> str:
    # A mail server that is asked twice under the same key sends once.
    return f"welcome, sent as {ctx.idempotency_key}"


@worker.handler("sendFollowupEmail")
def send_followup_email(_: Any, ctx: TaskContext) -> str:
    return f"how do you like it, sent as {ctx.idempotency_key}"


if __name__ == "__main__":
    worker.start()
