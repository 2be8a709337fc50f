"""The code of a workflow as a worker of the simulation decides it: stateless, from the whole history each time."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from stellwerk.v1 import payload_pb2, run_pb2, worker_pb2

NAME, BUILD, DECISION = "coded", "b1", "$decision"
_OVER = frozenset({"STEP_SUCCEEDED", "STEP_FAILED", "STEP_CANCELLED"})


def decide(run_id: int, events: list[run_pb2.Event], sequence: int) -> worker_pb2.Decision:
    """What the code asks for after it has seen the history up to there: a step, then three things, then the end.

    One run of three goes on as another one after the step.
    """
    seen = [event for event in events if event.sequence <= sequence]
    decision = worker_pb2.Decision(sequence=sequence, build=BUILD)
    if any(event.type == "RUN_CANCEL_REQUESTED" for event in seen):
        decision.commands.append(worker_pb2.Command(cancelled=worker_pb2.CancelledCommand()))
        return decision
    asked = {event.step for event in seen}
    over = {event.step for event in seen if event.type in _OVER}
    wanted = [_one()]
    if "one" in over:
        if run_id % 3 == 0:
            decision.commands.append(worker_pb2.Command(**{"continue": worker_pb2.ContinueCommand()}))
            return decision
        wanted += [_nap(), _go(), _kid()]
    decision.commands.extend([command for command in wanted if command.step not in asked])
    if all(command.step in over for command in wanted) and len(wanted) > 1:
        done = worker_pb2.SucceedCommand(output=payload_pb2.Payload(json='"done"'))
        decision.commands.append(worker_pb2.Command(succeed=done))
    return decision


def _one() -> worker_pb2.Command:
    retry = worker_pb2.RetryPolicy(max_attempts=3, initial=Duration(seconds=1))
    return worker_pb2.Command(step="one", action=worker_pb2.ActionCommand(action="x", retry=retry))


def _nap() -> worker_pb2.Command:
    return worker_pb2.Command(step="nap", sleep=worker_pb2.SleepCommand(duration=Duration(seconds=1)))


def _go() -> worker_pb2.Command:
    signal = worker_pb2.SignalCommand(signal="go", timeout=Duration(seconds=6))
    return worker_pb2.Command(step="go", signal=signal)


def _kid() -> worker_pb2.Command:
    child = worker_pb2.ChildCommand(workflow="diamond", input=payload_pb2.Payload(json='{"n": 1, "items": []}'))
    return worker_pb2.Command(step="kid", child=child)
