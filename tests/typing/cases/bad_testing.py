"""Mistakes in tests of functions that a checker sees.

A file of its own: a case is a file that the checkers read whole.
"""

# pyright: standard

from __future__ import annotations

import inngest
from inngest.testing import Engine

client = inngest.Inngest(app_id="app")


@client.create_function(fn_id="plain", trigger=inngest.TriggerEvent(event="asked"))
def plainly(ctx: inngest.ContextSync) -> str:
    return ""


def test_plain(engine: Engine) -> None:
    number: int = engine.invoke_sync(plainly)  # E: mypy[assignment] pyright[reportAssignmentType]
    engine.advance_sync(30)  # E: mypy[arg-type] pyright[reportArgumentType]
    engine.invoke_sync("app-plain")  # E: mypy[arg-type] pyright[reportArgumentType]
    engine.stub(plainly, "charge", fail="often")  # E: mypy[arg-type] pyright[reportArgumentType]
    engine.expect(plainly).complete()  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    print(number)
