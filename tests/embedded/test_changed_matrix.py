"""The tables of docs/explanation/changed-code.md: what changed code executes, and what becomes of the run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

import inngest
from inngest.engine.domain import holding
from tests.embedded import test_changed_programs, test_changed_programs_on_hold
from tests.embedded.changing import Story

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "changed-code.md"


def rows(title: str) -> list[list[str]]:
    """The rows of the table under a title."""
    section = PAGE.read_text().split(f"## {title}\n")[1].split("\n## ")[0]
    found = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[2:]]


CHANGES = rows("What happens to a run")
OLD = ("charge", "z as a sleep", "ship")


def names(cell: str) -> list[str]:
    return [] if cell == "nothing" else cell.split(", ")


async def calls(ctx: inngest.Context, story: Story, steps: Sequence[str]) -> None:
    for step in steps:
        name, _, kind = step.partition(" as a ")
        if kind or name == "z":
            await ctx.step.sleep(name, 700)
        else:
            await ctx.step.run(name, story.does(name))


@pytest.mark.parametrize("asleep", [True, False], ids=["while it sleeps", "when it has slept"])
@pytest.mark.parametrize(("change", "steps", "executes", "then"), CHANGES, ids=[row[0] for row in CHANGES])
def test_changed_code(change: str, steps: str, executes: str, then: str, asleep: bool) -> None:
    story = Story()

    async def old(ctx: inngest.Context) -> None:
        await calls(ctx, story, OLD)

    async def new(ctx: inngest.Context) -> None:
        await calls(ctx, story, names(steps))

    story.live(old, ms=300)
    assert story.steps == ["charge", "?z"], change
    if not asleep:
        story.loop.now_us += 1_000_000
    story.live(new)
    assert story.did == names(executes)
    assert story.steps[:2] in (["charge", "?z"], ["charge", "z"])
    if story.hold is None:
        assert (then, story.ended is not None) == ("completed", True)
    else:
        assert then == f"on hold: {holding.what_changed(story.hold)}."
        story.live(old)  # a rollback
        assert (story.did, story.steps, story.ended is not None) == (["ship"], ["charge", "z", "ship"], True)
    story.close()


def test_each_program_of_the_page_is_a_test() -> None:
    numbers = [int(row[0]) for row in rows("Programs that look changed")]
    found = {
        int(name[5:7])
        for name in {**vars(test_changed_programs), **vars(test_changed_programs_on_hold)}
        if re.match(r"test_\d\d_", name)
    }
    assert (numbers, found) == (list(range(1, len(numbers) + 1)), set(numbers))
