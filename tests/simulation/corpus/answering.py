"""Endpoints: their requests are runs, which end in the request, or are gone on with by calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import Does, End, Move, Naps, Program, Together


def _program(name: str, *script: Move) -> Program:
    """An endpoint: of a request that did not come to its first report there is no run. Values end with their try."""
    values: list[str] = []
    for move in script:
        match move:
            case Does():
                values.append(move.value)
            case Together():
                values += [one.value for one in move.steps]
            case Naps():
                pass

    def judge(end: End) -> bool:
        if end.status != "COMPLETED" or not isinstance(end.value, dict):
            return False
        return [value.rpartition(" ")[0] for value in end.value["body"]] == values

    return Program(name, _no_functions, {name: judge}, {name: None}, script=script, replays=False)


def _no_functions(_client: inngest.Inngest, _out: Outside, _version: int) -> Sequence[Function[Any]]:
    return ()


PROGRAMS = (
    _program("answers", *(Does(f"s{number}", f"s{number}") for number in range(5))),
    _program("naps", Does("a", "one"), Naps("nap", 1_500), Does("b", "two"), Does("c", "three")),
    _program("stumbles", Does("a", "one"), Does("flaky", "at last", fails=2), Does("b", "two")),
    _program(
        "fans-out",
        Does("a", "one"),
        Together([Does(f"p{number}", f"p{number}") for number in range(3)]),
        Does("b", "two"),
    ),
    _program("plans", Together([Does("left", "l"), Does("right", "r", fails=1)]), Naps("nap", 300), Does("b", "two")),
)
