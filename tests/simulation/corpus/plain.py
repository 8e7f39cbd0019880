"""Plain functions, whose steps run in threads."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, Program
from tests.simulation.threads import OwnThread, sleep


def _plain(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="plain", retries=2, trigger=inngest.TriggerEvent(event=f"{APP}/plain"))
    def plain(ctx: inngest.ContextSync) -> list[Any]:
        said: list[Any] = [ctx.step.run("again", out.does_plain(number)) for number in range(3)]
        said.append(ctx.step.run("flaky", out.does_plain("flaky", fails=2)))
        try:
            ctx.step.sleep("nap", 1_500)
            ctx.step.run("bad", out.does_plain(None, fails=9))
        except inngest.StepError as caught:
            said.append(caught.message)
        finally:
            said.append(ctx.step.run("release", out.does_plain("released")))
        return said

    return [plain]


def _nested(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="nested", trigger=inngest.TriggerEvent(event=f"{APP}/nested"))
    def nested(ctx: inngest.ContextSync) -> list[Any]:
        def leaf(tree: str, number: int) -> str:
            ctx.step.run("fetch", out.does_plain(None))
            if number == 1:
                ctx.step.sleep("nap", 300)
            return ctx.step.run("charge", out.does_plain(f"{tree}{number}"))

        def tree(name: str) -> list[str]:
            found = ctx.group.parallel(tuple(functools.partial(leaf, name, number) for number in range(3)))
            return [*found, ctx.step.run("join", out.does_plain(name))]

        return list(ctx.group.parallel(tuple(functools.partial(tree, name) for name in "ab")))

    return [nested]


def _threaded(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="threaded", retries=2, trigger=inngest.TriggerEvent(event=f"{APP}/threaded"))
    def threaded(ctx: inngest.ContextSync) -> list[Any]:
        def chain(name: str) -> list[Any]:
            said: list[Any] = [ctx.step.run(f"{name}-first", out.does_plain(name))]
            sleep(out.pause() * 1_000)  # nobody sees what such a thread does between its steps
            if name == "b":
                ctx.step.sleep("nap", 1_500)
            said.append(ctx.step.run(f"{name}-flaky", out.does_plain(name, fails=1)))
            return said

        threads = [OwnThread(functools.partial(chain, name)) for name in "abc"]
        said: list[Any] = [ctx.step.run("beside", out.does_plain("beside"))]
        said += [thread.result() for thread in threads]
        return [*said, ctx.step.run("end", out.does_plain("end"))]

    return [threaded]


def _value(value: object) -> Any:
    return lambda end: end.status == "COMPLETED" and end.value == value


PROGRAMS = (
    Program("plain", _plain, {"plain": _value([0, 1, 2, "flaky", "attempt 2", "released"])}),
    Program(
        "threaded",
        _threaded,
        {"threaded": _value(["beside", *([name, name] for name in "abc"), "end"])},
    ),
    Program("nested", _nested, {"nested": _value([[f"{tree}{leaf}" for leaf in range(3)] + [tree] for tree in "ab"])}),
)
