"""Which calls a run behind HTTP needs: a *discovery* asks its code what there is to do, others are for one step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from inngest.protocol.opcodes import Opcode

from .model import RunState

DISCOVERY = ""
"""Instead of the hash of a step, in the names of calls."""


class RemoteStep(NamedTuple):
    """A call that is due."""

    target: str  # hash of the step that it is for; DISCOVERY if the code is to say what there is
    attempt: int  # from 0: of the body, or of that step
    plan: bool = False  # of a discovery: the code must not run a step at once: others are open, or the run is on hold


class Due(NamedTuple):
    """The calls that are due, and when to look again."""

    calls: Sequence[RemoteStep]
    wake_at: int | None  # unix ms, when the next thing falls due by time; None if nothing does


def due(state: RunState, flying: Collection[str], now: int) -> Due:
    """Which calls are to leave now.

    A discovery is due if one is owed, none is under way, and its time has come; also if nothing is open, for then
    nothing else would go on. Planned steps are due at their times, each but once.

    Args:
        state: the run.
        flying: targets of the calls that are under way.
        now: unix ms.
    """
    calls: list[RemoteStep] = []
    times: list[int] = []
    for step in state.open.values():
        if step.kind is not Opcode.STEP_RUN:
            times.append(step.due_at)
        elif step.step.hash not in flying and not step.begun:
            if step.due_at <= now:
                calls.append(RemoteStep(step.step.hash, step.attempt))
            else:
                times.append(step.due_at)
    if DISCOVERY not in flying and (state.discovery.owed or not (state.open or flying)):
        if state.discovery.at <= now:
            holds = state.code.hold is not None  # its code is to come to its place, and to run nothing new
            calls.append(RemoteStep(DISCOVERY, state.attempt, plan=holds or bool(state.open)))
        else:
            times.append(state.discovery.at)
    return Due(calls, min(times, default=None))
