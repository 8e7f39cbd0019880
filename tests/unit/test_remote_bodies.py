"""Calls of a run as they leave: what their signature is over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from inngest.engine.domain.remote import DISCOVERY, RemoteStep
from inngest.engine.invokers.bodies import Bodies
from inngest.engine.invokers.ports import Conversation
from inngest.protocol.calls import Call, EventData
from inngest.protocol.opcodes import Memo, Opcode
from inngest.protocol.steps import StepName
from inngest.protocol.wire import calls, signing
from tests.unit.names import named

KEY = "signkey-test-00112233"
NOW = 1_700_000_000_000
EVENTS = [EventData("e1", "shop/paid", '{"b":1.0,"a":2}', 1), EventData("e2", "shop/paid", '{"d":1.0,"c":2}', 1)]
TOO_LONG = "9" * 400
"""A number that no double can hold: what has it, has no canonical form."""


def conversation(memos: Sequence[Memo]) -> Conversation:
    function = SimpleNamespace(uuid="u", url="http://127.0.0.1:3000/api/inngest", id="web-pay", app_id="web")
    run: dict[str, Any] = {"run_id": "01RUN", "function": function, "generation": 1, "version": 2, "defers": {}}
    return cast(Conversation, SimpleNamespace(**run, memos=memos))


def memo(step: StepName, data: str) -> Memo:
    return Memo(step, Opcode.STEP_RUN, 0, data, None, 0)


def signed(bodies: Bodies) -> tuple[bytes, str]:
    call = bodies.of(RemoteStep(DISCOVERY, 0), "01REQ", NOW)
    return call.body, call.headers["x-inngest-signature"]


@pytest.mark.parametrize("size", [0, calls.MAX_INLINE])
def test_the_signature_is_over_the_canonical_form_of_what_the_body_has(size: int) -> None:
    memos = [memo(named("a"), f'["{"x" * size}",{TOO_LONG if size else 1.0}]')]
    bodies = Bodies(Call("01RUN", "web-pay", 0, 4, EVENTS, (), ()), conversation(memos), KEY)
    for _ in range(2):
        body, signature = signed(bodies)
        assert json.loads(body)["use_api"] is bool(size)
        assert signing.canonical(body) != body
        assert signature == signing.sign(signing.canonical(body), KEY, NOW)


def test_a_call_that_becomes_too_large_and_one_that_holds_all_have_their_events_in_canonical_form() -> None:
    """In this order and the other: what is kept of the one serves the other."""
    small, large = [memo(named("a"), "1.0")], [memo(named("a"), f'"{"x" * calls.MAX_INLINE}"')]
    for first, then in ((small, large), (large, small)):
        run = conversation(first)
        bodies = Bodies(Call("01RUN", "web-pay", 0, 4, EVENTS, (), ()), run, KEY)
        signed(bodies)
        cast(Any, run).memos = then
        body, signature = signed(bodies)
        assert signature == signing.sign(signing.canonical(body), KEY, NOW)


def test_what_has_no_canonical_form_is_signed_as_it_is() -> None:
    bodies = Bodies(Call("01RUN", "web-pay", 0, 4, EVENTS, (), ()), conversation([memo(named("a"), TOO_LONG)]), KEY)
    body, signature = signed(bodies)
    assert signature == signing.sign(body, KEY, NOW)
