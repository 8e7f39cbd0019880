"""`ctx.patched`: whether a run takes the new way through code that was changed while it was under way."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

import inngest
from tests.embedded.changing import Story
from tests.embedded.stage import Stage, failure, message


@pytest.fixture
def story() -> Generator[Story]:
    one = Story()
    yield one
    one.close()


def orders(story: Story, *, patched: bool, asleep: bool = True) -> Any:
    """Charge, and mail if the run takes the new way, then sleep and ship."""

    async def body(ctx: inngest.Context) -> list[object]:
        said = [await ctx.step.run("charge", story.does("charge"))]
        if patched and ctx.patched("mail"):
            said.append(await ctx.step.run("mail", story.does("mail", ms=500)))
        if asleep:
            await ctx.step.sleep("z", 700)
        said.append(await ctx.step.run("ship", story.does("ship", ms=9_000)))
        return said

    return body


def test_a_new_run_takes_the_new_way(story: Story) -> None:
    story.live(orders(story, patched=True))
    assert (story.did, story.state.code.patches) == (["charge", "mail", "ship"], ("mail",))


@pytest.mark.parametrize("since", [300, 1_000], ids=["asleep behind it", "with a memo behind it"])
def test_a_run_that_was_beyond_takes_the_old_way(story: Story, since: int) -> None:
    story.live(orders(story, patched=False), ms=since)
    for _ in range(2):
        story.live(orders(story, patched=True), ms=1_000)
    story.live(orders(story, patched=True))
    assert (story.result, story.state.code.patches, story.state.code.holds) == (["charge", "ship"], (), 0)


def test_a_run_that_was_before_it_takes_the_new_way(story: Story) -> None:
    story.live(orders(story, patched=False, asleep=False), records=1)
    assert story.steps == ["charge"]
    story.live(orders(story, patched=True, asleep=False))
    assert (story.did, story.state.code.patches) == (["mail", "ship"], ("mail",))


def test_a_yes_travels_with_the_next_record_and_stands_in_each_replay(story: Story) -> None:
    body = orders(story, patched=True, asleep=False)
    story.live(body, records=1)
    assert not story.state.code.patches  # nothing beyond is recorded: the answer will be the same
    story.live(body, records=1)
    assert (story.steps, story.state.code.patches) == (["charge", "mail"], ("mail",))
    story.live(body)
    assert story.result == ["charge", "mail", "ship"]
    assert story.did == ["ship"]


def test_the_first_answer_stands_for_a_whole_loop(story: Story) -> None:
    def loops(*, patched: bool) -> Any:
        async def body(ctx: inngest.Context) -> list[object]:
            said = []
            for number in range(4):
                name = "new" if patched and ctx.patched("v2") else "old"
                said.append(await ctx.step.run(name, story.does(f"{name} {number}", ms=100)))
            return said

        return body

    story.live(loops(patched=False), records=2)
    story.live(loops(patched=True), records=1)
    story.live(loops(patched=True))
    assert story.result == ["old 0", "old 1", "old 2", "old 3"]


def test_what_another_branch_waits_for_counts_too(story: Story) -> None:
    answers: list[bool] = []

    def branches(*, patched: bool) -> Any:
        async def body(ctx: inngest.Context) -> object:
            async def works() -> None:
                await ctx.step.run("a", story.does("a"))
                if patched:
                    answers.append(ctx.patched("v2"))
                await ctx.step.run("b", story.does("b", ms=9_000))

            await asyncio.gather(ctx.step.sleep("z", 60_000), works())
            return "both"

        return body

    story.live(branches(patched=False), ms=1_000)
    story.live(branches(patched=True))
    assert set(answers) == {False}
    assert (story.result, story.state.code.patches) == ("both", ())


def test_plain_functions_have_it_too(story: Story) -> None:
    def body(ctx: inngest.ContextSync) -> list[str]:
        said = [ctx.step.run("a", story.does_plain("a"))]
        if ctx.patched("v2"):
            said.append(ctx.step.run("b", story.does_plain("b")))
        return said

    story.live(body)
    assert (story.result, story.state.code.patches) == (["a", "b"], ("v2",))


async def test_misuse_is_told(tmp_path: Any) -> None:
    async def no_id(ctx: inngest.Context) -> None:
        ctx.patched("")

    async def too_long(ctx: inngest.Context) -> None:
        assert ctx.patched("p" * 1_024)
        ctx.patched("p" * 1_025)

    async def nested(ctx: inngest.Context) -> None:
        await ctx.step.run("outer", lambda: ctx.patched("x"))

    run = await Stage(tmp_path).run(no_id, retries=0)
    assert failure(run) == ("StepArgumentError", "step_argument")
    assert message(run) == "patched: expected a text that names the change, got ''"
    (tmp_path / "long").mkdir()
    run = await Stage(tmp_path / "long").run(too_long, retries=0)
    assert message(run) == f"patched: expected at most 1,024 characters, got 1,025, which begin with {'p' * 40!r}"
    (tmp_path / "nested").mkdir()
    run = await Stage(tmp_path / "nested").run(nested, retries=0)
    assert "Nested steps are not supported" in message(run)
