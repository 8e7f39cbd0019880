"""The two accounts, compared: what the steps wrote, and what the engine recorded."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from .functions import REFUSALS
from .ledger import Try, count

Run = Mapping[str, Any]
"""A run as `inngest run ID --json` shows it."""

Step = Mapping[str, Any]
"""One of its steps."""


def differences(tries: Sequence[Try], runs: Mapping[str, Run], killed: Collection[int]) -> list[str]:
    """What does not agree; nothing if all is well.

    An engine cannot know of the try that was under way when its process was killed; it must know of every other.

    Args:
        tries: the ledger.
        runs: the engine's records, by what they are about.
        killed: the processes that were killed.
    """
    found = [problem for order, run in runs.items() for problem in _of_run(tries, order, run, killed)]
    written = {(one.order, one.step) for one in tries}
    recorded = {(order, step["id"]) for order, run in runs.items() for step in steps_of(run)}
    for order, step in sorted(written - recorded):
        found.append(f"{order} {step}: is in the ledger, but the engine knows nothing of it")
    cut = (one for one in tries if one.end is None and one.process not in killed)
    return [*found, *(f"{one.order} {one.step}: was cut off, but its process was not killed" for one in cut)]


def _of_run(tries: Sequence[Try], order: str, run: Run, killed: Collection[int]) -> Iterator[str]:
    if run["status"] != "COMPLETED":
        yield f"{order}: the run is {run['status']}, not COMPLETED"
    cut = list({one.process: one for one in tries if one.order == order and one.process in killed}.values())
    for step in steps_of(run):
        own = of_ledger(tries, order, step)
        yield from _of_step(f"{order} {step['id']}", own, cut, step)
        if step["id"] == "e-mail":
            unheard = sum(one.end == "done" for one in own[:-1] if one in cut)
            ends = [count(own, order, "e-mail", end) for end in ("failed", "done")]
            if ends != [REFUSALS, 1 + unheard]:
                yield f"{order} e-mail: expected {REFUSALS} refusals and 1 success, the ledger has {ends}"


def _of_step(name: str, own: Sequence[Try], cut: Sequence[Try], step: Step) -> Iterator[str]:
    """What does not agree about a step; the engine may know of those that were cut, or not."""
    attempts = ["failed" if attempt["error"] else "done" for attempt in step["attempts"]]
    choices = [[[one], []] if one in cut else [[one]] for one in own]
    if attempts not in [[one.end for one in itertools.chain(*chosen)] for chosen in itertools.product(*choices)]:
        yield f"{name}: the ledger says {[one.end or 'cut off' for one in own]}, the engine says {attempts}"
    numbers = [attempt["number"] for attempt in step["attempts"]]
    if numbers != list(range(len(numbers))):
        yield f"{name}: the attempts are numbered {numbers}"
    if any(one.end == "done" and one not in cut for one in own[:-1]):
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
