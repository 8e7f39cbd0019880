"""Expectations of one run: each says, when it is not met, how the run is, and how it would go on."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Generic, NoReturn, TypeVar

from inngest.embedded.views import Run as RunRecord
from inngest.embedded.views import RunStatus, StepRecord
from inngest.protocol import codec
from inngest.protocol.opcodes import Opcode
from inngest.sdk.serializers import Unset

from .errors import RunAssertionError
from .moments import delta, moment, short, shown
from .runs import Facts, Run

T = TypeVar("T")

__tracebackhide__ = True  # pytest shows the line of the test alone

_VERBS = {
    RunStatus.COMPLETED: "complete",
    RunStatus.FAILED: "fail",
    RunStatus.CANCELLED: "end as cancelled",
    RunStatus.SKIPPED: "end as skipped",
}


class Expect(Generic[T]):
    """Expectations of one run. Each gives this again, so that they can be written in a row.

    Every one raises a RunAssertionError if the run is not so.
    """

    def __init__(self, facts: Facts, run: Run[T]) -> None:
        self._facts = facts
        self._run = run

    # -- how it ended

    def completed(self, output: object = Unset) -> Expect[T]:
        """It has completed; with this output, if one is given."""
        self._ended(RunStatus.COMPLETED)
        if output is not Unset and (found := self._run.output) != output:
            self._fail("returned something else", f"output {output!r}", f"output {found!r}")
        return self

    def failed(self, error: str | type[BaseException] | None = None) -> Expect[T]:
        """It has failed; with an error of this name or class, or whose message has this text."""
        self._ended(RunStatus.FAILED)
        found = self._run.error
        if error is None or found is None:
            return self
        name = error if isinstance(error, str) else error.__name__
        if found.name != name and (not isinstance(error, str) or error not in found.message):
            self._fail("failed otherwise", f"error {name}", f"error {found.name}: {found.message}")
        return self

    def cancelled(self) -> Expect[T]:
        """It was cancelled."""
        return self._ended(RunStatus.CANCELLED)

    def skipped(self) -> Expect[T]:
        """It was not begun: a limit, a singleton, a pause."""
        return self._ended(RunStatus.SKIPPED)

    # -- what it waits for

    def sleeping(self, step: str, until: datetime.datetime | None = None) -> Expect[T]:
        """This step sleeps; until then, if a time is given."""
        found = self._step(step, "sleep in", f'step "{step}" sleeps')
        if found.status != "sleeping":
            self._fail(f'does not sleep in step "{step}"', f'step "{step}" sleeps', self._state()[0])
        return self._until(found, until)

    def waiting_for(self, name: str, until: datetime.datetime | None = None) -> Expect[T]:
        """A step waits for an event or a signal of this name, or for a run of the function of this id; until then, if a
        time is given.
        """
        record = self._run.record
        targets = self._facts.story.waits_of(self._run.id)
        found = [one for one in record.steps if one.status == "waiting" and _name(targets, one) == name]
        if not found:
            self._fail(f'does not wait for "{name}"', f'a step waits for "{name}"', self._state()[0])
        return self._until(found[0], until)

    def on_hold(self, step: str | None = None) -> Expect[T]:
        """It is on hold: its code asks for other steps than it has recorded. With `step`, at that recorded step."""
        hold = self._run.record.hold
        wanted = "ON HOLD" if step is None else f'ON HOLD at step "{step}"'
        if hold is None:
            self._fail("is not on hold", wanted, self._state()[0])
        if step is not None and hold.step != step:
            self._fail("is on hold for another step", wanted, f'ON HOLD at step "{hold.step}": {hold.text}')
        return self

    # -- what it has done

    def ran(self, *steps: str) -> Expect[T]:
        """These steps are done, and in this order among themselves."""
        done = [one.id for one in self._run.record.steps if one.status == "completed"]
        missing = [one for one in steps if one not in done]
        if missing:
            self._fail(f"has not done {_quoted(missing)}", f"done {_quoted(steps)}", f"done {_quoted(done)}")
        if [one for one in done if one in steps] != list(steps):
            self._fail("did its steps in another order", _quoted(steps), _quoted(done))
        return self

    def did_not_run(self, *steps: str) -> Expect[T]:
        """Nothing is recorded of these steps."""
        known = self._run.steps
        if found := [one for one in steps if one in known]:
            one = known[found[0]]
            self._fail(f"came to {_quoted(found)}", f"nothing of {_quoted(steps)}", f'step "{one.id}" is {one.status}')
        return self

    def attempts(self, step: str, count: int) -> Expect[T]:
        """So many attempts of this step are recorded, those that failed and the last."""
        found = self._step(step, "come to", f'{count} attempts of step "{step}"')
        if len(found.attempts) != count:
            what = [f"{one.number} {'succeeded' if one.error is None else one.error.name}" for one in found.attempts]
            self._fail(
                f'tried step "{step}" {len(found.attempts)} times', f"{count} attempts", ", ".join(what) or "none"
            )
        return self

    def sent(self, name: str, **data: object) -> Expect[T]:
        """A step of it has sent an event of this name, whose data have these members."""
        events = [(one.name, codec.loads(one.data)) for one in self._facts.story.sent_by(self._run.id)]
        if not any(found == name and data.items() <= has.items() for found, has in events):
            told = [f"{found} {shown(codec.dumps(has))}" for found, has in events]
            wanted = f"{name} {shown(codec.dumps(data))}" if data else name
            self._fail(f'has not sent such an event "{name}"', wanted, ", ".join(told) or "nothing sent")
        return self

    def logged(self, text: str, level: str | None = None) -> Expect[T]:
        """It has logged a line in which this text stands; of this level, such as "warning", if one is given. See
        `Engine.logs`.
        """
        lines = [one for one in self._facts.logs.lines if one.run_id == self._run.id]
        if not any(text in one.message and level in (None, one.level) for one in lines):
            wanted = f"{'a line' if level is None else f'{level}:'} {text!r}"
            told = "; ".join(f"{one.level}: {short(one.message)}" for one in lines[-5:])
            self._fail(f"has not logged {text!r}", wanted, told or "nothing logged")
        return self

    # -- what is told

    def _ended(self, wanted: RunStatus) -> Expect[T]:
        record = self._run.record
        if record.status is wanted:
            return self
        over = record.ended_at is not None
        is_now, goes_on = self._state()
        head = f"did not {_VERBS[wanted]}: {'it is over' if over else 'it waits'}"
        return self._fail(head, wanted.value, is_now, goes_on)

    def _step(self, step: str, verb: str, wanted: str) -> StepRecord:
        found = self._run.steps.get(step)
        if found is None:
            self._fail(f'does not {verb} step "{step}"', wanted, self._state()[0])
        return found

    def _until(self, step: StepRecord, until: datetime.datetime | None) -> Expect[T]:
        if until is not None and step.due_at != until:
            found = "for ever" if step.due_at is None else f"until {step.due_at.isoformat()}"
            self._fail(f'waits otherwise in step "{step.id}"', f"until {until.isoformat()}", found)
        return self

    def _fail(self, head: str, expected: str, is_now: str, goes_on: str | None = None) -> NoReturn:
        lines = [f"{self._run.function_id} {head}", f"  expected  {expected}", f"  is        {is_now}"]
        if goes_on is not None:
            lines.append(f"  goes on   {goes_on}")
        raise RunAssertionError("\n".join(lines))

    def _state(self) -> tuple[str, str | None]:
        return state_of(self._facts, self._run.record)


def state_of(facts: Facts, record: RunRecord) -> tuple[str, str | None]:
    """The state of a run, and how it goes on, for people; None if it does not."""
    if record.ended_at is not None:
        if record.status is RunStatus.COMPLETED:
            return f"COMPLETED: output {shown(codec.dumps(record.output))}", None
        error = record.error
        return f"{record.status.value}{'' if error is None else f': {error.name}: {error.message}'}", None
    if record.hold is not None:
        return (
            f"{record.status.value}, ON HOLD: {record.hold.text}",
            "when its code asks for what it has recorded again",
        )
    now = facts.now()
    waiting = [one for one in record.steps if one.status in ("sleeping", "waiting", "retrying")]
    if not waiting:
        reasons = facts.explain(record.id).reasons
        return f"{record.status.value}: {reasons[0].text if reasons else 'nothing holds it'}", None
    first = min(waiting, key=lambda one: one.due_at or LAST)
    target = _name(facts.story.waits_of(record.id), first)
    left = None if first.due_at is None else ms_of(first.due_at) - now
    until = "" if left is None else f" until {moment(now + left - facts.began_at)}"
    is_now = (
        f'{record.status.value}: step "{first.id}" {_does(first, target)}{until}; now is {moment(now - facts.began_at)}'
    )
    return is_now, _goes_on(first, left)


LAST = datetime.datetime.max.replace(tzinfo=datetime.UTC)
"""Later than all that is due."""


def ms_of(when: datetime.datetime) -> int:
    """Unix ms of a time."""
    return round(when.timestamp() * 1000)


def _does(step: StepRecord, target: str | None) -> str:
    if step.status == "sleeping":
        return "sleeps"
    if step.status == "retrying":
        last = step.attempts[-1].error if step.attempts else None
        return f"waits for its next attempt{'' if last is None else f', after {last.name}: {last.message},'}"
    match step.kind:
        case Opcode.WAIT_FOR_EVENT:
            return f'waits for event "{target}"'
        case Opcode.WAIT_FOR_SIGNAL:
            return f'waits for signal "{target}"'
        case Opcode.INVOKE:
            return f"waits for a run of {target}"
        case _:
            return "waits for the answer to its request"


def _goes_on(step: StepRecord, left: int | None) -> str | None:
    if step.kind in (Opcode.WAIT_FOR_EVENT, Opcode.WAIT_FOR_SIGNAL):
        what = "event" if step.kind == Opcode.WAIT_FOR_EVENT else "signal"
        out = "" if left is None else f", or with advance({delta(left)}), which times it out"
        return f"when such {'an' if what == 'event' else 'a'} {what} comes{out}"
    if step.kind == Opcode.INVOKE:
        return "when that run has ended"
    return None if left is None else f"with advance({delta(left)})"


def _name(targets: Mapping[str, Any], step: StepRecord) -> str | None:
    target = targets.get(step.id)
    return None if target is None else target.name


def _quoted(names: Any) -> str:
    return ", ".join(f'"{one}"' for one in names) or "nothing"
