"""What the log says, beside what the database has recorded; and what of it must not be.

Which call recorded a step is told by its value, which no other try gave. A call of a later generation left after a
claim, or after the end of a broken call, and so after all commits of earlier ones: it must not run that step. Nor must
a later call of the same generation. What must not be told apart from a retry is a call that was under way: its result
comes to nobody, and the step may run twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from inngest import Run, StepRecord

from .app import CHILD, INTERRUPTED, ONCE
from .log import Line


@dataclass
class Try:
    """One try of a handler."""

    began: Line
    place: int  # of that line in the log
    end: str | None = None  # "end" or "fail"; None: it was cut off


@dataclass
class StepSeen:
    """A step, as its handler and its body tell it."""

    tries: list[Try] = field(default_factory=list)
    got: set[str] = field(default_factory=set)  # values with which a body went on, as texts


@dataclass
class Judge:
    """Reads lines in their order.

    Attributes:
        steps: by run and step.
        again: tries of steps that had been recorded when their calls left. There must be none.
        unrecorded: tries that were followed by others, and had neither failed nor been recorded.
        wrong: everything else that must not be.
    """

    steps: dict[tuple[str, str], StepSeen] = field(default_factory=lambda: defaultdict(StepSeen))
    again: list[str] = field(default_factory=list)
    unrecorded: int = 0
    wrong: list[str] = field(default_factory=list)
    lines: int = 0

    def note(self, lines: Iterable[Line]) -> None:
        """Read lines."""
        for line in lines:
            self.lines += 1
            seen = self.steps[line.run, line.step]
            if line.what == "begin":
                seen.tries.append(Try(line, self.lines))
            elif line.what in ("end", "fail"):
                (began,) = [one for one in seen.tries if one.began.name == line.name]
                began.end = line.what
            elif line.what == "got":
                seen.got.add(repr(line.value))

    def compare(self, runs: Sequence[Run]) -> None:
        """Compare with what the database has recorded of all runs."""
        recorded = {run.id: run for run in runs}
        for run_id in sorted({run_id for run_id, _ in self.steps} - recorded.keys()):
            self.wrong.append(f"the database knows nothing of the run {run_id}")
        for run in runs:
            for step in run.steps:
                if step.kind == "StepRun":
                    self._compare(f"{key_of(run)} {step.id}", self.steps[run.id, step.id], step)
            unknown = {name for run_id, name in self.steps if run_id == run.id and name} - {s.id for s in run.steps}
            self.wrong += [f"{key_of(run)} {name}: is not recorded" for name in sorted(unknown)]

    def _compare(self, name: str, seen: StepSeen, step: StepRecord) -> None:
        cut = step.id.startswith(ONCE) and step.error is not None
        value = INTERRUPTED if cut else step.output
        if seen.got - {repr(value)}:
            self.wrong.append(f"{name}: recorded is {value!r}, and a body went on with {seen.got}")
        if step.id.startswith(ONCE) and len(seen.tries) > 1:
            self.wrong.append(f"{name}: must run at most once, and has run {len(seen.tries)} times")
        if cut:
            return
        found = [one for one in seen.tries if one.began.name == value and one.end == "end"]
        if not found:
            self.wrong.append(f"{name}: recorded is {value!r}, which no try gave: {[t.began.name for t in seen.tries]}")
            return
        self.again += [f"{name}: {text}" for text in _again(found[0], seen.tries)]
        self.unrecorded += sum(one is not found[0] and one.end != "fail" for one in seen.tries)


def _again(recorded: Try, tries: Sequence[Try]) -> Iterator[str]:
    """Tries that were called for when the step was recorded, in words."""
    by = recorded.began
    for one in tries:
        began = one.began
        told = f"generation {began.generation} tried it, and generation {by.generation} had recorded it"
        if one is recorded:
            continue
        if began.known:
            yield f"a call that brought its result ran it again: {told}"
        elif began.generation > by.generation:
            yield told
        elif began.generation == by.generation and began.request > by.request:
            yield f"{told}, by an earlier call"
        elif began.request == by.request and one.place > recorded.place:
            yield f"{told}, by the same call, which came twice"


def lost(acked: Iterable[str], runs: Sequence[Run]) -> list[str]:
    """Keys of events that were acknowledged, and have no run, several runs, or one that has not completed."""
    by_key: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_key[key_of(run)].append(run)
    found = []
    for key in sorted(acked):
        own = [run for run in by_key[key] if not key.startswith(CHILD)]
        if [run.status for run in own] != ["COMPLETED"]:
            found.append(f"{key}: {[(run.status.value, run.error and run.error.message) for run in own]}")
    return found


def key_of(run: Run) -> str:
    """The key of a run's event."""
    assert run.event is not None
    data = run.event["data"]
    assert isinstance(data, dict)
    return str(data["key"])
