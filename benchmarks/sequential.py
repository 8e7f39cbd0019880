"""A: one run of many trivial steps in a row. C: one run of one step, when nothing else happens."""

from __future__ import annotations

from collections.abc import Mapping

from .figures import Bar, Rounds, Section, percentile, table
from .plan import Plan
from .processes import DBOS, DBOS_WAL, EVERYONE, FLOOR, MEMORY, OURS, TITLES, Worker, in_turns, say, workers

FLOOR_STEPS = 500
"""Steps of the floor before and after each sample of ours; its time for a step does not depend on their number."""

IN_MEMORY = 2_000
"""Steps of a run of ours in memory."""

PAUSE = 0.005
"""Seconds without any work before each run of C."""


def steps_in_a_row(plan: Plan) -> Section:
    """A."""
    found = _sequences(plan)
    rows = []
    for steps, rounds in found.items():
        cells: list[object] = [f"{steps:,}", *(rounds.of(name) if rounds.has(name) else "–" for name in EVERYONE)]
        cells.append(rounds.ratio(OURS, FLOOR))
        cells += [rounds.ratio(name, OURS) if rounds.has(name) else "–" for name in (DBOS_WAL, DBOS)]
        rows.append(cells)
    heads = ["N", *(f"{TITLES[name]}, ms" for name in EVERYONE), "ours ÷ floor", "DBOS WAL ÷ ours", "DBOS ÷ ours"]
    text = (
        f"Per step, the start and the end of the run included. Rounds: {plan.sequence_rounds}. The floor is measured "
        "just before and just after ours. DBOS takes part in "
        f"{len(range(0, plan.sequence_rounds, plan.dbos_every))} of them, and up to N = {plan.dbos_steps:,}: more "
        "would take many minutes.\n\n"
    )
    text += table(heads, rows)
    text += _without_a_disk(plan)
    return Section("A. One run of N trivial steps in a row", text, _bars(found))


def _sequences(plan: Plan) -> dict[int, Rounds]:
    found: dict[int, Rounds] = {}
    with workers(EVERYONE) as all_workers:
        floor, *engines = all_workers
        for engine in engines:
            _milliseconds(engine, plan.warm_up if engine.name == OURS else plan.dbos_steps // 10, 1)
        for steps, repeats in plan.repeats.items():
            say(f"A: {steps:,} steps")
            values = []
            for number in range(plan.sequence_rounds):
                value: dict[str, float] = {}
                for engine in engines if number % 2 else reversed(engines):
                    if engine.name == OURS:
                        value |= _between_floors(floor, engine, steps, repeats)
                    elif number % plan.dbos_every == 0 and steps <= plan.dbos_steps:
                        value[engine.name] = _milliseconds(engine, steps, repeats)
                values.append(value)
            found[steps] = Rounds(values)
    return found


def _between_floors(floor: Worker, engine: Worker, steps: int, repeats: int) -> dict[str, float]:
    """An engine, and the mean of the floor before and after it: the disk of a busy machine changes within seconds."""
    before = _milliseconds(floor, FLOOR_STEPS, 1)
    found = _milliseconds(engine, steps, repeats)
    return {engine.name: found, FLOOR: (before + _milliseconds(floor, FLOOR_STEPS, 1)) / 2}


def _without_a_disk(plan: Plan) -> str:
    """What is left of a step when a sync costs nothing: the engine's own time, whatever the disk does."""
    if not MEMORY.is_dir():
        return ""
    say("A: without a disk")
    with workers([FLOOR, OURS], parent=MEMORY) as (floor, ours):
        _milliseconds(ours, plan.warm_up, 1)
        rounds = Rounds([_between_floors(floor, ours, IN_MEMORY, 1) for _ in range(plan.sequence_rounds)])
    least, own = rounds.of(FLOOR), rounds.of(OURS)
    would = ", ".join(
        f"{sync:g} ms: {(sync + own.median) / (sync + least.median):.2f} ×" for sync in (0.1, 0.2, 0.5, 1.0, 5.0)
    )
    return (
        f"\n\nThe same with the files in memory, where a sync costs nothing, N = {IN_MEMORY:,}: ours {own} ms a step, "
        f"the floor {least} ms. What the disk's noise cannot bend, ours less the floor, is "
        f"{1000 * (own.median - least.median):.0f} microseconds a step. Ours ÷ floor by that, on a quiet disk whose "
        f"sync takes {would}."
    )


def _milliseconds(worker: Worker, steps: int, repeats: int) -> float:
    """Milliseconds of a step."""
    with worker.turn() as ask:
        return float(ask("sequence", steps=steps, repeats=repeats)) * 1000 / steps / repeats


def _bars(found: Mapping[int, Rounds]) -> list[Bar]:
    long = {steps: rounds for steps, rounds in found.items() if steps >= 100}
    bars = [
        Bar(f"ours ÷ floor, N = {steps:,}", rounds.ratio(OURS, FLOOR).median, 1.65, " ×")
        for steps, rounds in long.items()
    ]
    if len(long) > 1:
        few, many = min(long), max(long)
        figure = long[many].ratio(OURS, FLOOR).median / long[few].ratio(OURS, FLOOR).median
        bars.append(Bar(f"that ratio at N = {many:,} ÷ at N = {few:,}", figure, 1.2, " ×"))
    bars += [
        Bar(f"{TITLES[name]} ÷ ours, N = {steps:,}", rounds.ratio(name, OURS).median, 5.5, " ×", least=True)
        for steps, rounds in long.items()
        for name in (DBOS_WAL, DBOS)
        if rounds.has(name)
    ]
    return bars


def idle_latency(plan: Plan) -> Section:
    """C."""
    everything: dict[str, list[float]] = {name: [] for name in EVERYONE}

    def one(worker: Worker) -> dict[str, float]:
        with worker.turn() as ask:
            taken = [1000 * value for value in ask("latencies", count=plan.latency_samples, pause=PAUSE)]
        everything[worker.name] += taken
        return {worker.name: percentile(taken, 0.5)}

    say("C: one step when idle")
    with workers(EVERYONE) as all_workers:
        rounds = Rounds(in_turns(plan.latency_rounds, all_workers, one))
    rows: list[list[object]] = []
    for name in EVERYONE:
        taken = everything[name]
        ratio = rounds.ratio(name, FLOOR)
        rows.append([TITLES[name], percentile(taken, 0.5), percentile(taken, 0.99), ratio])
    text = (
        f"From the call to the result, {len(everything[OURS])} runs of each, one at a time, "
        f"with {PAUSE * 1000:g} ms of quiet before each.\n\n"
    )
    text += table(["", "p50, ms", "p99, ms", "p50 ÷ floor"], rows)
    return Section(
        "C. One run of one step, when idle",
        text,
        [Bar("p50, ours ÷ floor", rounds.ratio(OURS, FLOOR).median, 10, " ×")],
    )
