"""Functions that are deferred.

A file of its own: a case is a file that the checkers read whole.
"""

from __future__ import annotations

from typing import assert_type

import inngest

client = inngest.Inngest(app_id="app")


@client.create_function(fn_id="later", trigger=inngest.TriggerEvent(event="later"))
async def later(ctx: inngest.Context) -> dict[str, int]:
    return {}


@client.create_function(fn_id="plainly", trigger=inngest.TriggerEvent(event="later"))
def plainly(ctx: inngest.ContextSync) -> None:
    deferred = ctx.defer("a", function=later, data={"order": 7})
    assert_type(deferred, inngest.Deferred)
    assert_type(deferred.abort(), None)
    assert_type(deferred.id, str)


async def body(ctx: inngest.Context) -> None:
    assert_type(ctx.defer("a", function=plainly), inngest.Deferred)
    assert_type(ctx.defer("b", function="other-later", data=None), inngest.Deferred)
