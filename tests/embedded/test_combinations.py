"""Every two options of flow control: together they run, or they are refused by the name of a field."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import inngest
from inngest import Run
from inngest.errors import FunctionConfigInvalidError
from tests.embedded import databases

KEY = "event.data.user"
OPTIONS: dict[str, Any] = {
    "batch_events": inngest.Batch(max_size=2),
    "cancel": [inngest.Cancel(event="stop")],
    "concurrency": [inngest.Concurrency(limit=1), inngest.Concurrency(limit=1, key=KEY)],
    "debounce": inngest.Debounce(period=1_000, key=KEY),
    "idempotency": KEY,
    "priority": inngest.Priority(run="event.data.user * 10"),
    "rate_limit": inngest.RateLimit(limit=1, period=60_000, key=KEY),
    "singleton": inngest.Singleton(mode="skip", key=KEY),
    "throttle": inngest.Throttle(limit=1, period=60_000, key=KEY),
    "timeouts": inngest.Timeouts(start=60_000, finish=60_000),
}
REFUSED = {"cancel", "debounce", "idempotency", "priority", "rate_limit", "singleton", "timeouts"}
USERS = (1, 2)


async def body(ctx: inngest.Context) -> list[object]:
    await ctx.step.run("one", list)
    await ctx.step.sleep("rest", 1)
    return await ctx.step.run("two", lambda: [event.data["user"] for event in ctx.events])


async def runs(engine: inngest.Engine) -> AsyncGenerator[Sequence[Run]]:
    """All runs, again and again."""
    while True:
        yield await engine.runs(limit=1_000)


async def test_every_two_options(tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="two")
    expected: dict[str, int] = {}
    refused: dict[tuple[str, ...], str] = {}
    for names in itertools.combinations(sorted(OPTIONS), 2):
        options = {name: OPTIONS[name] for name in names}
        try:
            trigger = inngest.TriggerEvent(event="go")
            function = client.create_function(fn_id="-".join(names), trigger=trigger, **options)(body)
        except FunctionConfigInvalidError as error:
            refused[names] = str(error)
        else:
            expected[function.id] = 1 if "batch_events" in names else len(USERS)
    assert set(refused) == {("batch_events", name) for name in REFUSED}
    for (_, name), text in refused.items():
        assert text.startswith(name)
        assert text.endswith(": cannot be combined with batch_events")
    async with inngest.Engine(client, database=databases.url_in(tmp_path)) as engine:
        await engine.send([inngest.Event(name="go", data={"user": user}) for user in USERS])
        found: Sequence[Run] = ()
        async for found in runs(engine):
            if len(found) == sum(expected.values()) and all(run.status == "COMPLETED" for run in found):
                break
        assert Counter(run.function_id for run in found) == expected
        outputs = [run.output if isinstance(run.output, list) else [] for run in found]
        assert Counter(user for output in outputs for user in output) == dict.fromkeys(USERS, len(expected))
