"""Programs whose code is changed when their process first ends: the change is noticed, or does no harm (P9).

Each says in its result which version finished it. A step that is gone from the end of a program is not noticed, since
nothing waits behind it, and nothing reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, End, Program

Steps = tuple[str, ...]


def _changing(name: str, before: Steps, after: Steps, may_complete: Callable[[End], bool]) -> Program:
    """A program that calls steps in sequence; a step named `~x` is the step x as a sleep."""

    def make(client: inngest.Inngest, out: Outside, version: int) -> Sequence[Function[Any]]:
        @client.create_function(fn_id=name, retries=1, trigger=inngest.TriggerEvent(event=f"{APP}/{name}"))
        async def changing(ctx: inngest.Context) -> list[Any]:
            said: list[Any] = ["after" if version else "before"]
            for step in after if version else before:
                if step.startswith("~"):
                    await ctx.step.sleep(step[1:], 100)
                    said.append(None)
                else:
                    said.append(await ctx.step.run(step, out.does(f"did {step}")))
            return said

        return [changing]

    def judge(end: End) -> bool:
        if end.status == "FAILED":
            return end.error is not None and end.error["name"] == "DeterminismError"
        for said, steps in (("before", before), ("after", after)):
            if end.value == [said, *(None if step.startswith("~") else f"did {step}" for step in steps)]:
                return said == "before" or may_complete(end)
        return False

    return Program(name, make, {name: judge}, replays=False)


def _kind_of(end: End, step: str) -> object:
    memo = end.memo(step)
    return None if memo is None else memo["kind"]


CHANGED = (
    _changing("changed-kind", ("a", "b", "c"), ("a", "~b", "c"), lambda end: _kind_of(end, "b") == "Sleep"),
    _changing("changed-back", ("a", "~b", "c"), ("a", "b", "c"), lambda end: _kind_of(end, "b") == "StepRun"),
    _changing("removed", ("a", "b", "c"), ("a", "c"), lambda end: end.memo("b") is None),
    _changing("cut", ("a", "b", "c"), ("a", "b"), lambda end: True),
    _changing("inserted", ("a", "b"), ("a", "x", "b"), lambda end: end.place("x") < end.place("b")),
    _changing("swapped", ("a", "b", "c"), ("b", "a", "c"), lambda end: end.place("b") < end.place("a")),
)
