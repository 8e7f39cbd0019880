"""The two accounts of the demo behind HTTP, compared.

A server hears from an app what a step gave. If one of them is killed before that is recorded, the step is tried again,
though it may have run to its end: so much is permitted. Nothing else is: no step that is recorded runs again, and none
runs twice though nobody was killed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from .compare import Run, Step, of_ledger, steps_of
from .functions import REFUSALS
from .ledger import Kill, Try, count

USUAL = (["done"], ["failed"] * REFUSALS + ["done"])


def differences(tries: Sequence[Try], kills: Sequence[Kill], runs: Mapping[str, Run]) -> list[str]:
    """What does not agree, or must not be; nothing if all is well.

    Args:
        tries: the ledger.
        kills: whenever the server, or the app, was killed.
        runs: the server's records, by what they are about.
    """
    found: list[str] = []
    for order, run in runs.items():
        if run["status"] != "COMPLETED":
            found.append(f"{order}: the run is {run['status']}, not COMPLETED")
        if len(run["attempts"]) > len(kills):
            found.append(f"{order}: {len(run['attempts'])} calls of it failed, and only {len(kills)} times was a kill")
        for step in steps_of(run):
            found += _of_step(f"{order} {step['id']}", of_ledger(tries, order, step), kills, step)
        refused = count(tries, order, "e-mail", "failed")
        if order != "page" and refused != REFUSALS:
            found.append(f"{order} e-mail: expected {REFUSALS} refusals, the ledger has {refused}")
    recorded = {(order, step["id"]) for order, run in runs.items() for step in steps_of(run)}
    for order, name in sorted({(one.order, one.step) for one in tries} - recorded):
        found.append(f"{order} {name}: is in the ledger, but the server knows nothing of it")
    return found


def _of_step(name: str, own: Sequence[Try], kills: Sequence[Kill], step: Step) -> Iterator[str]:
    recorded = recorded_try(own, step)
    if recorded is None:
        yield f"{name}: the server recorded {step['output']!r}, which no try of it gave"
    elif own[-1] is not recorded:
        yield f"{name}: was recorded, and then done again"
    unheard = 0
    for one, other in itertools.pairwise(own):
        killed = any(kill.lies_between(one, other) for kill in kills)
        unheard += killed
        if one.end != "failed" and not killed:
            yield f"{name}: was tried again, though it had not failed, and nobody was killed"
    attempts = [attempt["error"] is not None for attempt in step["attempts"]]
    failed = sum(one.end == "failed" for one in own)
    if attempts[-1:] != [False] or not failed - unheard <= sum(attempts) <= failed:
        told = ["failed" if error else "done" for error in attempts]
        yield f"{name}: the ledger says {[one.end or 'cut off' for one in own]}, the server says {told}"
    numbers = [attempt["number"] for attempt in step["attempts"]]
    if numbers != sorted(set(numbers)):
        yield f"{name}: the attempts are numbered {numbers}"


def recorded_try(own: Sequence[Try], step: Step) -> Try | None:
    """The try whose result is recorded."""
    done = [one for one in own if one.end == "done" and one.value == step["output"]]
    return done[-1] if done else None


def made_again(tries: Sequence[Try], runs: Mapping[str, Run]) -> list[str]:
    """The tries that were not recorded, as sentences."""
    told = []
    for order, run in runs.items():
        for step in steps_of(run):
            own = of_ledger(tries, order, step)
            for number, one in enumerate(own, start=1):
                if one.end != "failed" and one is not recorded_try(own, step):
                    how = "ran to its end" if one.end == "done" else "was cut off, or goes on unheard"
                    told.append(f"{order} {step['id']}: its try {number} {how}")
            refused = sum(one.end == "failed" for one in own) - sum(bool(one["error"]) for one in step["attempts"])
            if refused:
                told.append(f"{order} {step['id']}: {refused} of its refusals was not heard")
    return told


def table(tries: Sequence[Try], runs: Mapping[str, Run]) -> Iterator[tuple[str, str, str, str]]:
    """Order, step, ledger and records, for people: the first two runs, and whatever was unusual in others."""
    usual = 0
    for number, (order, run) in enumerate(runs.items()):
        for step in steps_of(run):
            own = [one.end or "cut off" for one in of_ledger(tries, order, step)]
            attempts = ["failed" if attempt["error"] else "done" for attempt in step["attempts"]]
            if number < 2 or own != attempts or own not in USUAL:
                yield order, step["id"], ", ".join(own), ", ".join(attempts)
            else:
                usual += 1
    yield f"and {usual} steps", "of others", "once, or after refusals", "the same"
