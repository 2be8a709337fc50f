"""Domain errors as the verdict on one item of a batch."""

from __future__ import annotations

from stellwerk.v1 import payload_pb2
from stellwerk_server.model.errors import InvalidArgument, StellwerkError
from stellwerk_server.rpc.edge import code_of


def refusal_out(error: StellwerkError) -> payload_pb2.Refusal:
    """Reason, message and code as the item would have had them in a call of its own."""
    message = payload_pb2.Refusal(
        reason=error.reason, message=error.message, metadata=error.metadata, code=code_of(error).value[0]
    )
    if isinstance(error, InvalidArgument):
        message.fields.extend(
            [payload_pb2.FieldProblem(field=p.field, description=p.description) for p in error.problems[:100]]
        )
    return message
