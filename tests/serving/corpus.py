"""Programs that come to the same end however they are driven: in process, or behind HTTP in any mode.

Handlers take virtual time. Where the order of results matters, no two results come at one time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import inngest
from inngest.sdk.function import Function

from .world import Answer, World

Handler = Callable[..., Any]
STARTED = inngest.TriggerEvent(event="test/started")
RACE = inngest.ParallelMode.RACE


@dataclass(frozen=True, eq=False)
class Program:
    """One function.

    Attributes:
        make: makes its handler, in a world.
        retries: how often a step, or the body, is tried again.
        arrivals: see `World`.
        output: what it returns; for a run that fails None.
        error: name of the error that it fails with.
        paced: branches go on one by one, so that with a server that has all of them wait, others finish first, or too.
        races: what it returns depends on a branch that is not waited for: no such server drives it.
        ours: only a server of ours can drive it.
    """

    name: str
    make: Callable[[World], Handler]
    output: object = None
    error: str | None = None
    retries: int = 0
    arrivals: Mapping[str, tuple[int, Answer]] = field(default_factory=dict)
    paced: bool = False
    races: bool = False
    ours: bool = False

    def function(self, client: inngest.Inngest, world: World) -> Function[Any]:
        """Its function."""
        return client.create_function(fn_id=self.name, trigger=STARTED, retries=self.retries)(self.make(world))


PROGRAMS: list[Program] = []


def program(output: object = None, **more: Any) -> Callable[[Callable[[World], Handler]], Callable[[World], Handler]]:
    """Note a program. See `Program`."""

    def note(make: Callable[[World], Handler]) -> Callable[[World], Handler]:
        PROGRAMS.append(Program(make.__name__, make, output, **more))
        return make

    return note
