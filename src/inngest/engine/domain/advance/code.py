"""Code that was changed while a run was under way: on hold, patched, followed."""

from __future__ import annotations

from inngest.engine.domain import holding
from inngest.engine.domain.model import Hold, Released
from inngest.protocol.calls import Completed, Failed, Held, Yielded
from inngest.protocol.opcodes import Op

from .draft import Draft


def patched(draft: Draft, op: Op) -> None:
    """`ctx.patched` said yes."""
    if op.step.id not in draft.code.patches:
        draft.code = draft.code._replace(patches=(*draft.code.patches, op.step.id))


def followed(draft: Draft, _: Op) -> None:
    """The code did not come to the steps in their order."""
    draft.follows = True


def threaded(draft: Draft, _: Op) -> None:
    """A thread that the function has started itself calls a step."""
    draft.code = draft.code._replace(threaded=True)


def held(draft: Draft, outcome: Held) -> None:
    """The code has changed: the run stays as it is, and is entered again later, to replay only."""
    before = draft.run.code.hold
    times, since = (1, draft.now) if before is None else (before.times + 1, before.since)
    hold = Hold(outcome.sign, outcome.step, outcome.call, outcome.detail, times, since, draft.now)
    draft.code = draft.code._replace(hold=hold, holds=draft.code.holds + 1)
    draft.transition = Released(draft.now + holding.delay(times), hold)


def came_to_its_place(draft: Draft) -> None:
    """The code came to where it was when the run was put on hold: that is over."""
    if draft.code.hold is not None:
        draft.code = draft.code._replace(hold=None)


def went_on(draft: Draft, outcome: Completed | Failed | Yielded) -> None:
    """An invocation ended otherwise: what held the run is over, unless it was cut before that could show."""
    if draft.code.hold is not None and not (isinstance(outcome, Yielded) and outcome.at_once and not outcome.through):
        draft.code = draft.code._replace(hold=None)
    if isinstance(outcome, Completed) and outcome.unasked:
        draft.code = draft.code._replace(unasked=outcome.unasked)
