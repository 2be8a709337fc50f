"""What each example of a workflow as code must give, to the letter, whichever language its worker is written in.

Workers are killed in the middle; what counts is that nothing is lost and nothing recorded twice.
"""

import asyncio
import json
from collections import Counter
from typing import Any

from stellwerk import Client, Event, RunFailed, RunHandle, StepState
from tools.examples.checks import Check, streamed, without_id
from tools.examples.crew import LOOK_S, SIGNUP_WAIT_S, Crew

# Far longer than a check takes: what waits for this is cancelled or killed.
FOR_EVER_S = 600

# Which events show what the code has asked for.
_ASKED = ("STEP_SCHEDULED", "STEP_SLEEPING", "STEP_AWAITING")


async def signup(client: Client, _crew: Crew) -> Any:
    """Two emails with a timer between them."""
    handle = await client.start("userSignupFlow")
    seen = await told(handle)
    sent = [event async for event in handle.history() if event.type == "STEP_SUCCEEDED" and event.payload]
    first_s, last_s = (event.time.timestamp() if event.time else 0 for event in (sent[0], sent[-1]))
    emails = [event.payload for event in sent]
    return {**seen, "emails": without_id(emails, handle), "waited": last_s - first_s >= SIGNUP_WAIT_S}


async def approval(client: Client, crew: Crew) -> Any:
    """Somebody agrees, refuses, says nothing, or cancels; the worker is killed while the first of them waits."""
    handles = {
        who: await client.start("approval", {"who": who, "amount": 120, **patience})
        for who, patience in (("ada", {}), ("bob", {}), ("cy", {"patience_s": 0.1}), ("dan", {}))
    }
    waiting = [await asked(handles[who], "approval") for who in ("ada", "bob", "dan")]
    crew.replace()
    await handles["ada"].signal("approval", {"approved": True, "by": "Grace"})
    await handles["bob"].signal("approval", {"approved": False, "by": "Grace"})
    await handles["dan"].cancel()
    found = [run.run_id async for run in client.list_runs("approval", attributes={"who": "ada", "amount": 120})]
    return {
        "waiting": waiting,
        "found": found == [handles["ada"].run_id],
        **{who: await told(handle) for who, handle in handles.items()},
    }


async def saga(client: Client, crew: Crew) -> Any:
    """A trip that can be booked, one whose third booking fails after the worker was killed, one that is cancelled."""
    booked = await client.start("saga", {"to": "Rome"})
    undone = await client.start("saga", {"to": "Venice", "slow_s": 1})
    cancelled = await client.start("saga", {"to": "Oslo", "slow_s": FOR_EVER_S})
    seen = [await told(booked), await in_hand(undone, "book-hotel"), await in_hand(cancelled, "book-hotel")]
    crew.replace()
    await cancelled.cancel()
    return [*seen, await told(undone), await told(cancelled)]


async def agent(client: Client, _crew: Crew) -> Any:
    """Tools in parallel, a person who is asked, tokens as they come; then a conversation that takes several runs."""
    allowed = await client.start("agent", {"question": _QUESTION})
    asking = await asked(allowed, "call_3")
    await allowed.signal("call_3", True)
    refused = await client.start("agent", {"question": _QUESTION, "turns": 1})
    await refused.signal("call_3", False)
    seen = {"asking": asking["call_3"], **await told(allowed), "refused": await refused.result()}
    runs = Counter([run.state.value async for run in client.list_runs("agent")])
    return {**seen, "streamed": "".join(await streamed(allowed)), "runs": runs}


async def asked(handle: RunHandle, step: str) -> Any:
    """What a run shows when it has come to a step."""
    async for item in handle.watch(chunks=False):
        if isinstance(item, Event) and item.type in _ASKED and item.step == step:
            break
    return (await handle.get()).published


async def in_hand(handle: RunHandle, step: str) -> bool:
    """Whether it came to pass that a worker is at this step."""
    while True:
        run = await handle.get(include_steps=True)
        if run.state.terminal:
            return False
        if any(each.step == step and each.state is StepState.LEASED for each in run.steps):
            return True
        await asyncio.sleep(LOOK_S)


async def told(handle: RunHandle) -> Any:
    """How a run ended, what it shows, what it asked for in which order, and what of that is recorded twice."""
    try:
        end = await handle.result()
    except RunFailed as error:
        end = [error.state, error.failure and error.failure.type]
    run = await handle.get()
    events = [event async for event in handle.history()]
    steps = [event.step for event in events if event.type in _ASKED and event.attempt <= 1]
    ends = Counter(event.step for event in events if event.type == "STEP_SUCCEEDED")
    twice = [step for step, times in Counter(steps).items() if times > 1 or ends[step] > 1]
    published, attributes = (dict(sorted(values.items())) for values in (run.published, run.attributes))
    seen = {"end": end, "published": published, "attributes": attributes, "steps": steps, "twice": twice}
    return without_id({key: value for key, value in seen.items() if value != {}}, handle)


CHECKS: dict[str, Check] = {"signup": signup, "approval": approval, "saga": saga, "agent": agent}

_QUESTION = "How is the weather in Oslo and Paris? Please refund order o-17."
_WEATHER = ["12 °C and sunny in Oslo", "15 °C and sunny in Paris"]
_REFUNDED = "order o-17 is refunded"
_LAST = ". ".join([*_WEATHER, _REFUNDED, "That is all."])


def _call(number: int, tool: str, **arguments: str) -> Any:
    function = {"name": tool, "arguments": json.dumps(arguments)}
    return {"id": f"call_{number}", "type": "function", "function": function}


def _turned_down(who: str, by: str) -> Any:
    end = {"state": "turned down", "by": by, "notice": f"Dear {who}, your expense was turned down by {by}."}
    steps = ["approval.reserve", "approval", "approval.release", "approval.notify"]
    return _approval(who, "turned down", end, steps)


def _approval(who: str, shown: str, end: Any, steps: list[str]) -> Any:
    attributes = {"amount": 120, "who": who}
    return {"end": end, "published": {"state": shown}, "attributes": attributes, "steps": steps, "twice": []}


EXPECTED: dict[str, Any] = {
    "signup": {
        "end": None,
        "steps": ["sendWelcomeEmail", "sleep", "sendFollowupEmail"],
        "twice": [],
        "emails": ["welcome, sent as RUN/sendWelcomeEmail", "how do you like it, sent as RUN/sendFollowupEmail"],
        "waited": True,
    },
    "approval": {
        "waiting": [{"state": "waiting for approval"}] * 3,
        "found": True,
        "ada": _approval(
            "ada",
            "paid",
            {"state": "paid", "by": "Grace", "receipt": {"paid": 120, "to": "ada", "key": "RUN/approval.pay"}},
            ["approval.reserve", "approval", "approval.pay"],
        ),
        "bob": _turned_down("bob", "Grace"),
        "cy": _turned_down("cy", "nobody"),
        "dan": _approval(
            "dan", "waiting for approval", ["CANCELLED", None], ["approval.reserve", "approval", "approval.release"]
        ),
    },
    "saga": [
        {
            "end": [f"{what} to Rome, booked as RUN/{what}" for what in ("flight", "hotel", "car")],
            "steps": ["book-flight", "book-hotel", "book-car"],
            "twice": [],
        },
        True,
        True,
        {
            "end": ["FAILED", "NoCars"],
            "steps": ["book-flight", "book-hotel", "book-car", "undo-car", "undo-hotel", "undo-flight"],
            "twice": [],
        },
        {
            "end": ["CANCELLED", None],
            "steps": ["book-flight", "book-hotel", "undo-hotel", "undo-flight"],
            "twice": [],
        },
    ],
    "agent": {
        "asking": "may order o-17 be refunded?",
        "end": _LAST,
        "published": {
            "call_3": "yes",
            "conversation": [
                {"role": "user", "content": _QUESTION},
                {
                    "role": "assistant",
                    "content": "Let me look outside.",
                    "tool_calls": [_call(1, "weather", city="Oslo"), _call(2, "weather", city="Paris")],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": _WEATHER[0]},
                {"role": "tool", "tool_call_id": "call_2", "content": _WEATHER[1]},
                {"role": "assistant", "content": "Let me ask.", "tool_calls": [_call(3, "refund", order="o-17")]},
                {"role": "tool", "tool_call_id": "call_3", "content": _REFUNDED},
                {"role": "assistant", "content": _LAST},
            ],
        },
        "steps": [
            *("agent.think", "agent.weather", "agent.weather#2"),
            *("agent.think#2", "call_3", "agent.refund", "agent.think#3"),
        ],
        "twice": [],
        "refused": _LAST.replace(_REFUNDED, "a person has refused it"),
        "streamed": f"Let me look outside.Let me ask.{_LAST}",
        "runs": {"SUCCEEDED": 2, "CONTINUED": 2},
    },
}
