"""The story of each run, line by line, as it was committed: the text under a test that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from inngest.engine.domain import holding
from inngest.engine.domain.model import Changes, Ended, Event, FailedAttempt, Released, Run, RunStatus
from inngest.engine.records import Claimed, Touched
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Opcode, OpenStep, OpTarget, SentEvent

from .moments import exact, moment, short, shown

BODY = "(between steps)"
"""Stands where a step's id does, of attempts of the function's body."""


class _Line(NamedTuple):
    at: int  # ms since the engine began
    kind: str  # "event", "step" or "run"
    parts: tuple[str, ...]  # columns
    place: str = ""  # line of the test that did it


@dataclass
class _RunStory:
    function_id: str
    number: int  # of the runs of its function, from 1
    lines: list[_Line] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)  # of steps, by hash
    waits: dict[str, OpTarget] = field(default_factory=dict)  # what open steps wait for, by their names
    sent: list[SentEvent] = field(default_factory=list)  # by its steps
    over: bool = False


class Story:
    """An observer of one engine, which keeps what it is told.

    Args:
        began_at: unix ms at which the engine began.
        now: unix ms.
        entered: called at each entry into a function.
        waits: called when a step begins to wait: with its run, the function, its id, and what it waits for.
    """

    def __init__(
        self,
        began_at: int,
        now: Callable[[], int],
        entered: Callable[[], object],
        waits: Callable[[str, str, str, OpTarget], object],
    ) -> None:
        self._began_at = began_at
        self._on_wait = waits
        self._clock = now
        self._on_entry = entered
        self._runs: dict[str, _RunStory] = {}
        self._events: dict[str, list[_Line]] = {}  # by name
        self.place = ""  # line of the test whose verb is under way

    # -- what is observed

    def accepted(self, events: Sequence[Event], started: Sequence[Run], touched: Sequence[Touched]) -> None:
        """See `Observer`."""
        lines = {event.id: self._event_line(event) for event in events}
        for run in started:
            told = self._add(run)
            if run.event_id in lines:
                told.lines.append(lines[run.event_id])
            if run.status is RunStatus.SKIPPED:
                told.lines.append(_Line(self._now(), "run", (_ending(run.status, None, _info(run.error)),)))
                told.over = True
        for event in events:
            self._tell_waiting(event, lines[event.id], {one.run_id for one in touched if one.event_id == event.id})

    def entered(self, claimed: Claimed) -> None:
        """See `Observer`."""
        self._on_entry()
        self._add(claimed.run)

    def committed(self, run: Run, changes: Changes) -> None:
        """See `Observer`."""
        told = self._add(run)
        for wait in changes.waits:
            told.waits[wait.step.step.text] = wait.target
            self._on_wait(run.id, run.function_id, wait.step.step.text, wait.target)
        told.names.update((one.step.hash, one.step.text) for one in changes.open)
        told.names.update((one.step.hash, one.step.text) for one in changes.memos)
        told.sent.extend(changes.sent)
        again = {step.step.hash: step.due_at for step in changes.open}
        for failed in changes.failed:
            told.lines.append(self._failed_line(told, failed, again.get(failed.step)))
        tried = {failed.step for failed in changes.failed}
        for memo in changes.memos:
            told.waits.pop(memo.step.text, None)
            told.lines.append(self._step_line(memo.step.text, memo.kind, _result(memo)))
        for step in changes.open:
            if step.step.hash not in tried and not step.begun:
                told.lines.append(self._step_line(step.step.text, step.kind, self._opened(told, step)))
        self._tell_transition(told, changes.transition)

    def cancelled(self, run: Run) -> None:
        """See `Observer`."""
        told = self._add(run)
        told.lines.append(_Line(self._now(), "run", (_ending(run.status, None, _info(run.error)),), self.place))
        told.over = True

    # -- what is told

    def of(self, run_id: str) -> str:
        """The story of a run; empty if nothing was told of it."""
        told = self._runs.get(run_id)
        if told is None:
            return ""
        return "\n".join((f"------- inngest: {self._title(told)} -------", *_written(told.lines)))

    def all(self) -> Iterator[tuple[str, str]]:
        """The title and the story of each run, in the order in which they began."""
        for told in self._runs.values():
            yield f"inngest: {self._title(told)}", "\n".join(_written(told.lines))

    def waits_of(self, run_id: str) -> Mapping[str, OpTarget]:
        """The targets that the open steps of a run wait for, by their names."""
        told = self._runs.get(run_id)
        return {} if told is None else told.waits

    def sent_by(self, run_id: str) -> Sequence[SentEvent]:
        """The events that steps of a run have sent, in order."""
        told = self._runs.get(run_id)
        return () if told is None else told.sent

    def _title(self, told: _RunStory) -> str:
        count = sum(one.function_id == told.function_id for one in self._runs.values())
        return f"{told.function_id}, run {told.number} of {count} (times since the engine began)"

    # -- lines

    def _add(self, run: Run) -> _RunStory:
        told = self._runs.get(run.id)
        if told is None:
            number = 1 + sum(one.function_id == run.function_id for one in self._runs.values())
            told = self._runs[run.id] = _RunStory(run.function_id, number)
        return told

    def _event_line(self, event: Event) -> _Line:
        return _Line(self._now(), "event", (f"{event.name} {shown(event.data)}",), self.place)

    def _tell_waiting(self, event: Event, line: _Line, woken: set[str]) -> None:
        """Runs that wait for events of this name have seen it, whether it was for them or not."""
        for run_id, told in self._runs.items():
            targets = [one for one in told.waits.values() if one.name == event.name]
            if told.over or (not targets and run_id not in woken):
                continue
            told.lines.append(line)
            if run_id not in woken and (condition := targets[0].expression) is not None:
                told.lines.append(_Line(line.at, "", (f"  not for run {told.number}, which waits if {condition}",)))

    def _failed_line(self, told: _RunStory, failed: FailedAttempt, again: int | None) -> _Line:
        name = told.names.get(failed.step, failed.name) if failed.step else BODY
        then = "" if again is None else f"; again at {moment(self._since(again))}"
        what = f"attempt {failed.attempt} failed: {_said(failed.error)}{then}"
        return _Line(self._now(), "step", (name, Opcode.STEP_RUN.value if failed.step else "", what))

    def _step_line(self, name: str, kind: Opcode | None, what: str) -> _Line:
        return _Line(self._now(), "step", (name, "" if kind is None else kind.value, what))

    def _opened(self, told: _RunStory, step: OpenStep) -> str:
        target = told.waits.get(step.step.text)
        until = f"until {moment(self._since(step.due_at))}"
        if target is None:
            return until
        condition = "" if target.expression is None else f" if {target.expression}"
        return f"{target.name}{condition} {until}"

    def _tell_transition(self, told: _RunStory, transition: Ended | Released | None) -> None:
        if isinstance(transition, Ended):
            told.over = True
            what = _ending(transition.status, transition.output, transition.error)
            told.lines.append(_Line(self._now(), "run", (what,)))
        elif transition is not None and transition.hold is not None:
            told.lines.append(_Line(self._now(), "run", (f"on hold: {holding.what_changed(transition.hold)}",)))

    def _now(self) -> int:
        return self._since(self._clock())

    def _since(self, when: int) -> int:
        return when - self._began_at


def _result(memo: Memo) -> str:
    if memo.cancelled:
        return "given up"
    if memo.error is not None:
        return f"failed: {_said(memo.error)}"
    if memo.kind is Opcode.SLEEP:
        return "over"
    if memo.kind in (Opcode.WAIT_FOR_EVENT, Opcode.WAIT_FOR_SIGNAL):
        return "timed out" if memo.data in (None, "null") else f"came: {shown(memo.data)}"
    return f"done -> {shown(memo.data)}"


def _ending(status: RunStatus, output: str | None, error: ErrorInfo | None) -> str:
    if status is RunStatus.COMPLETED:
        return f"{status.value} -> {shown(output)}"
    return status.value if error is None else f"{status.value}: {_said(error)}"


def _said(error: ErrorInfo) -> str:
    return short(f"{error.name}: {error.message}" if error.message else error.name)


def _info(text: str | None) -> ErrorInfo | None:
    return None if text is None else ErrorInfo.from_json(text)


def _written(lines: Sequence[_Line]) -> Iterator[str]:
    """The lines, with the time where it is another one, and columns of one width."""
    columns = [
        len(max((one.parts[index] for one in lines if len(one.parts) > index + 1), key=len, default=""))
        for index in (0, 1)
    ]
    before: int | None = None
    for line in lines:
        day, clock = exact(line.at)
        when = "" if line.at == before else f"day {day:<4}{clock}"
        before = line.at
        padded = [part.ljust(columns[index]) for index, part in enumerate(line.parts[:-1])]
        text = "  ".join((*padded, line.parts[-1]))
        yield f" {when:20}  {line.kind:6}  {text:56}  {line.place}".rstrip()
