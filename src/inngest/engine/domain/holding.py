"""A run on hold, for people: which step was recorded, and which call stands in its place. Pure."""

from __future__ import annotations

from inngest.protocol.calls import Sign

from .model import Hold

SHORTEST = 1_000
LONGEST = 600_000
"""Milliseconds until a run on hold is entered again: the first time, and at most. Each time it is twice as long."""


def delay(times: int) -> int:
    """Milliseconds until it is entered again, when it was put there so many times (from 1 on)."""
    return min(SHORTEST << min(times - 1, 20), LONGEST)


def what_changed(hold: Hold) -> str:
    """The evidence that the code is not the code that began the run; without a full stop."""
    recorded = f'step "{hold.step}"'
    match hold.sign:
        case Sign.CALLED:
            return f'{recorded} was recorded, and the code calls "{hold.call}" in its place'
        case Sign.RETURNED:
            return f"{recorded} was recorded, and the function returns in its place"
        case Sign.GIVEN_UP:
            return f"{recorded} was given up when that was recorded, and the code waits for it"
        case Sign.KIND:
            return f"{recorded} is of another kind: {hold.detail}"
        case Sign.VALUE:
            return hold.detail.partition("\n")[0]


def advice(run_id: str) -> str:
    """The ways to let it go on."""
    return (
        "It goes on when a worker starts that has the code which began it, or code that fits its record; "
        f"`inngest release {run_id}` has it follow the code there is"
    )
