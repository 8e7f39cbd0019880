"""The two accounts, compared: what the steps wrote, and what the engine recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .functions import REFUSALS
from .ledger import Try, count

Run = Mapping[str, Any]
"""A run as `inngest run ID --json` shows it."""

Step = Mapping[str, Any]
"""One of its steps."""


def differences(tries: Sequence[Try], runs: Mapping[str, Run], killed: int) -> list[str]:
    """What does not agree; nothing if all is well.

    The engine cannot know of the try that was under way when it was killed; it must know of every other.

    Args:
        tries: the ledger.
        runs: the engine's records, by what they are about.
        killed: the process that was killed.
    """
    found = [problem for order, run in runs.items() for problem in _of_run(tries, order, run, killed)]
    written = {(one.order, one.step) for one in tries}
    recorded = {(order, step["id"]) for order, run in runs.items() for step in steps_of(run)}
    for order, step in sorted(written - recorded):
        found.append(f"{order} {step}: is in the ledger, but the engine knows nothing of it")
    cut = (one for one in tries if one.end is None and one.process != killed)
    return [*found, *(f"{one.order} {one.step}: was cut off, but its process was not killed" for one in cut)]


def _of_run(tries: Sequence[Try], order: str, run: Run, killed: int) -> Iterator[str]:
    if run["status"] != "COMPLETED":
        yield f"{order}: the run is {run['status']}, not COMPLETED"
    before = [one for one in tries if one.order == order and one.process == killed]
    last = before[-1] if before else None
    for step in steps_of(run):
        own = of_ledger(tries, order, step)
        yield from _of_step(f"{order} {step['id']}", own, last, step)
        if step["id"] == "e-mail":
            ends = [count(tries, order, "e-mail", end) for end in ("failed", "done")]
            if ends != [REFUSALS, 1]:
                yield f"{order} e-mail: expected {REFUSALS} refusals and 1 success, the ledger has {ends}"


def _of_step(name: str, own: Sequence[Try], last: Try | None, step: Step) -> Iterator[str]:
    attempts = ["failed" if attempt["error"] else "done" for attempt in step["attempts"]]
    known = [one.end for one in own if one is not last]
    if attempts not in (known, [one.end for one in own]):
        yield f"{name}: the ledger says {[one.end or 'cut off' for one in own]}, the engine says {attempts}"
    numbers = [attempt["number"] for attempt in step["attempts"]]
    if numbers != list(range(len(numbers))):
        yield f"{name}: the attempts are numbered {numbers}"
    if any(one.end == "done" and one is not last for one in own[:-1]):
        yield f"{name}: was done, and then tried again"
    if own and own[-1].value != step["output"]:
        yield f"{name}: the ledger says {own[-1].value!r}, the engine recorded {step['output']!r}"


def of_ledger(tries: Sequence[Try], order: str, step: Step) -> list[Try]:
    """The tries of a step."""
    return [one for one in tries if (one.order, one.step) == (order, step["id"])]


def steps_of(run: Run) -> list[Step]:
    """The steps that write to the ledger: not sleeps, and not the one that prints."""
    return [step for step in run["steps"] if step["kind"] == "StepRun" and step["id"] != "use_scoped_variable"]


def table(tries: Sequence[Try], runs: Mapping[str, Run]) -> Iterator[tuple[str, str, str, str]]:
    """Order, step, ledger and records, for people."""
    for order, run in runs.items():
        for step in steps_of(run):
            own = [one.end or "cut off" for one in of_ledger(tries, order, step)]
            attempts = ["failed" if attempt["error"] else "done" for attempt in step["attempts"]]
            yield order, step["id"], ", ".join(own), ", ".join(attempts)
