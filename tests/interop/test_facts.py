"""Facts about SDKs, the official ones first, on which the wire's reading and writing rest, asked of black boxes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest.engine.domain.registration import specs
from inngest.protocol.wire import registration, responses, signing
from inngest.protocol.wire.responses import ReplyKind
from tests.serving.strict_server import Result

from .conftest import Town
from .sdks import CANONICAL, MODULES, OFFICIAL, OURS, Sdk

SDKS = [*OFFICIAL, *OURS]
NAMES = {sdk.name: sdk for sdk in SDKS}
ALL = pytest.mark.parametrize("sdk", SDKS, ids=[sdk.name for sdk in SDKS])
CHECKPOINTING = NAMES["typescript-checkpoints"]
EXACT = {"n": 2**53 + 1, "m": -(2**70), "z": 1.0, "b": 2, "a": "😀é\u2028", "\ufb33": 1, "\U0001f600": 1}


@ALL
async def test_a_registration_is_read(town: Town, sdk: Sdk) -> None:
    (body,) = (await town.front(sdk)).registrations
    told = registration.read(body)
    assert (told.app, told.sdk[:2]) == ("app", {"python": "py", "typescript": "js"}[sdk.kind])
    found = specs(told.app, told.functions)
    assert found.problems == []
    assert {one.id: one.retries for one in found.functions}["app-retried"] == 2
    assert all(one.url.startswith(told.url) for one in found.functions)


@pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if sdk.kind == "python"], ids=lambda sdk: sdk.name)
async def test_numbers_and_texts_go_and_come_as_they_are(town: Town, sdk: Sdk) -> None:
    history = await (await town.front(sdk)).server.run("app-values", EXACT)
    assert (history.status, history.output, history.steps) == ("COMPLETED", EXACT, [Result("same", EXACT)])


async def test_typescript_takes_numbers_that_no_double_holds_and_rounds_them(town: Town) -> None:
    history = await (await town.front(NAMES["typescript-signed"])).server.run("app-values", EXACT)
    assert history.output == {**EXACT, "n": 2**53, "m": -(2.0**70)}


@ALL
async def test_state_that_is_too_large_is_fetched(town: Town, sdk: Sdk) -> None:
    front = await town.front(sdk)
    before = front.fetched
    history = await front.server.run("app-large", {})
    assert (history.status, history.output) == ("COMPLETED", [1_700_000] * 3), history.trace
    assert front.fetched > before or sdk.checkpoints


@ALL
async def test_events_that_a_step_sends_come(town: Town, sdk: Sdk) -> None:
    front = await town.front(sdk)
    front.server.events.clear()
    history = await front.server.run("app-sends", {})
    assert (history.status, history.output, len(history.steps)) == ("COMPLETED", 2, 1), history.trace
    assert [event["name"] for event in front.server.events] == ["test/sent"] * 2
    assert [event["data"] for event in front.server.events] == [{"n": 0}, {"n": 1}]


@ALL
async def test_a_step_that_must_not_be_tried_again_ends_the_run(town: Town, sdk: Sdk) -> None:
    history = await (await town.front(sdk)).server.run("app-final-step", {})
    assert (history.status, history.failed) == ("FAILED", []), history.trace
    assert "stop" in history.error


async def test_steps_are_recorded_while_the_call_goes_on(town: Town) -> None:
    history = await (await town.front(CHECKPOINTING)).server.run("app-loop", {})
    assert (history.calls, history.checkpoints, history.output) == (1, 3, [10, 11, 12])


async def test_what_an_older_call_records_is_refused_and_its_answer_would_fail_the_run(town: Town) -> None:
    """So the answer of a call that got a 409 has to be dropped."""
    front = await town.front(CHECKPOINTING)
    front.stale = True
    try:
        history = await front.server.run("app-steps", {})
    finally:
        front.stale = False
    assert (history.status, history.calls, history.steps) == ("FAILED", 1, [])


@pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if sdk.key], ids=lambda sdk: sdk.name)
async def test_a_wrong_signature_is_refused(town: Town, sdk: Sdk) -> None:
    server = (await town.front(sdk)).server
    url, _ = server.functions["app-steps"]
    for header in ("", signing.sign(b"{}", "signkey-test-00", server.now)):
        answer = await server.carry("POST", url, {"x-inngest-signature": header} if header else {}, b"{}")
        reply = responses.read(answer.status, answer.headers, answer.body, server.now)
        assert (answer.status, reply.kind, reply.no_retry) == (401, ReplyKind.FAILED, False)


# -- the canonical form of JSON

finite = st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | finite | st.text()
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=8
)


async def _asked(command: Sequence[object], texts: Sequence[str]) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={"MODULES": str(MODULES)}
    )
    out, _ = await process.communicate("\n".join(texts).encode())
    assert process.returncode == 0
    return [json.loads(line) for line in out.decode().split("\n") if line]


@pytest.mark.parametrize("kind", sorted(CANONICAL))
async def test_the_canonical_form_is_theirs(kind: str) -> None:
    texts: list[str] = []

    @settings(max_examples=400, database=None)
    @given(values)
    def collect(value: object) -> None:
        texts.append(json.dumps(value))

    collect()
    assert len(texts) >= 400
    assert await _asked(CANONICAL[kind], texts) == [signing.canonical_text(text) for text in texts]
