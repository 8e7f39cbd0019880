"""New calls that wait for the history, while their loop is torn down: that is a crash, and decides nothing."""

from __future__ import annotations

import asyncio

import pytest

import inngest
from tests.embedded.changing import Story

TURNS = 48
"""Of the loop, in which the replay here has ended, and the call that waited for it begun."""


@pytest.mark.parametrize("records", [3, 4])
def test_a_call_that_waits_for_the_history_is_not_given_up_by_a_teardown(records: int) -> None:
    for turns in range(TURNS):
        story = Story()

        async def body(ctx: inngest.Context, story: Story = story) -> object:
            async def first() -> None:
                for name in "abe":
                    await ctx.step.run(name, story.does(name, ms=5 * (name == "e")))

            async def second() -> object:
                await ctx.step.run("c", story.does("c"))
                return await ctx.step.run("d", story.does("d", ms=9_000))

            return (await asyncio.gather(first(), second()))[1]

        story.live(body, records=records)
        before = story.steps
        story.tear_down(body, turns)
        assert story.steps[: len(before)] == before, turns
        assert not [step for step in story.steps if step.startswith("-")], turns
        assert story.hold is None
        story.live(body)
        assert story.result == "d"
        story.close()
