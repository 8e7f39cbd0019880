"""What a server tells of an event that a step has waited for: members may be missing, but an event has a name."""

from __future__ import annotations

import json

import pytest

import inngest
from inngest.sdk.serving.messages import Response

from .asking import body, client_of, handler_of, request


async def result(told: object) -> object:
    """The result of a function that waits, whose server says what has come."""
    client = client_of(production=False)

    @client.create_function(fn_id="wait", trigger=inngest.TriggerEvent(event="test/started"))
    async def wait(ctx: inngest.Context) -> object:
        try:
            event = await ctx.step.wait_for_event("paid", event="test/paid", timeout=1_000)
        except inngest.StepError as error:
            return [error.name, error.message]
        return event and [event.name, event.data, event.id, event.ts]

    content = body(memos={"paid": {"data": told}})
    answer = await handler_of(client, [wait]).handle(request("POST", "fnId=shop-wait&stepId=step", content))
    assert isinstance(answer, Response)
    return json.loads(answer.body)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (None, None),
        ({"name": "test/paid", "data": {"n": 1}, "id": "e", "ts": 7}, ["test/paid", {"n": 1}, "e", 7]),
        ({"name": "test/paid", "data": {"n": 1}}, ["test/paid", {"n": 1}, "", 0]),
        ({"name": "test/paid", "data": None, "id": None, "ts": None}, ["test/paid", {}, "", 0]),
    ],
)
async def test_an_event_has_a_name(told: object, expected: object) -> None:
    assert await result(told) == expected


@pytest.mark.parametrize("told", [{}, {"data": {}}, {"name": 1, "data": {}}, {"name": "test/paid", "data": [1]}])
async def test_what_is_no_event_fails_its_step(told: dict[str, object]) -> None:
    found = await result(told)
    assert isinstance(found, list)
    name, message = found
    assert name == "EventInvalidError"
    assert 'step "paid": expected an event with a name and data' in message
