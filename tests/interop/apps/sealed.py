"""A function whose outputs middleware encrypts: a stand-in for a cipher, which makes the same text in each language."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import inngest

KEY = b"key of the tests"


def _crossed(text: bytes) -> bytes:
    """The text with a stream of the key: twice is none."""
    blocks = (hashlib.sha256(KEY + bytes([n])).digest() for n in range(len(text) // 32 + 1))
    return bytes(one ^ other for one, other in zip(text, b"".join(blocks), strict=False))


def seal(value: object) -> object:
    """What is stored instead of a value."""
    text = json.dumps(value, separators=(",", ":")).encode()
    return {"sealed": base64.b64encode(_crossed(text)).decode()}


def unseal(value: Any) -> Any:
    """The value of what is stored; anything else as it is."""
    if not isinstance(value, dict) or "sealed" not in value:
        return value
    return json.loads(_crossed(base64.b64decode(value["sealed"])))


class Sealed(inngest.Middleware):
    """Seals what is recorded, and opens what comes back."""

    async def transform_input(self, ctx: Any, function: Any, steps: Any) -> None:
        for memo in steps.values():
            memo.data = unseal(memo.data)

    async def transform_output(self, result: Any) -> None:
        if result.has_output():
            result.output = seal(result.output)


async def _plan() -> str:
    return "attack at dawn"


async def _order(plan: str) -> dict[str, str]:
    return {"order": f"{plan}, by sea"}


async def planned(ctx: inngest.Context) -> object:
    plan = await ctx.step.run("plan", _plan)
    order = await ctx.step.run("order", _order, plan)
    return [plan, order["order"]]


def functions(client: inngest.Inngest) -> list[inngest.Function[Any]]:
    """The one, as a function of a client that seals."""
    client.add_middleware(Sealed)
    trigger = inngest.TriggerEvent(event="test/started")
    return [client.create_function(fn_id="planned", trigger=trigger, retries=0)(planned)]
