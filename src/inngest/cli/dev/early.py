"""Runs that go on before their time, because somebody released them or had them tried again."""

from __future__ import annotations

from collections.abc import Iterator

from inngest.engine.domain.model import Changes, Ended, FailedAttempt, Released, Run
from inngest.engine.records import Claimed

BODY = ""
"""Instead of a step's hash: the code between steps, or all of a run that is on hold."""


class Early:
    """Remembers when attempts were to be made, and sees when one is made sooner.

    `inngest release` and `inngest retry-now` write to the database: an observer meets them when the run is entered.
    """

    def __init__(self) -> None:
        self._due: dict[str, dict[str, int]] = {}  # by run and step: when its next attempt is due
        self._held: set[str] = set()  # runs on hold
        self._in_order: set[str] = set()  # runs that did not follow changed code when they were entered

    def committed(self, run: Run, changes: Changes) -> None:
        """Note which attempts are to come, and when."""
        transition = changes.transition
        if isinstance(transition, Ended):
            self.forget(run.id)
            return
        if changes.follows:  # it strays by itself
            self._in_order.discard(run.id)
        opened = {step.step.hash for step in changes.open}
        due = {one.step if one.step in opened else BODY: again_at(changes, one) for one in changes.failed}
        if isinstance(transition, Released) and transition.hold is not None:
            self._held.add(run.id)
            if transition.due_at is not None:
                due[BODY] = transition.due_at
        if due:
            self._due.setdefault(run.id, {}).update(due)

    def entered(self, claimed: Claimed, now: int) -> Iterator[tuple[str, dict[str, object]]]:
        """That somebody has released an entered run, or had it tried now, as a record's type and members."""
        run_id = claimed.run.id
        due, held = self._due.pop(run_id, {}), run_id in self._held
        self._held.discard(run_id)
        steps = {step.step.hash: step for step in claimed.open}
        sooner = [steps[key].step.text for key, at in due.items() if key in steps and steps[key].due_at < at]
        by_itself = bool(claimed.arrivals) or any(step.due_at <= now for step in claimed.open)
        released = claimed.run.follows and (held or run_id in self._in_order)
        if claimed.run.follows:
            self._in_order.discard(run_id)
        else:
            self._in_order.add(run_id)
        if released:
            yield "run.released", {}
        elif sooner or (now < due.get(BODY, now) and not by_itself):
            yield "run.retried", {"steps": sooner}

    def forget(self, run_id: str) -> None:
        """It has ended."""
        self._due.pop(run_id, None)
        self._held.discard(run_id)
        self._in_order.discard(run_id)


def again_at(changes: Changes, failed: FailedAttempt) -> int:
    """When (unix ms) a failed attempt is followed by the next: that of its step, or of the code between steps."""
    for step in changes.open:
        if step.step.hash == failed.step:
            return step.due_at
    if changes.discovery is not None:
        return changes.discovery.at
    transition = changes.transition
    due_at = transition.due_at if isinstance(transition, Released) else None
    return failed.ended_at if due_at is None else due_at
