"""B: many runs of five steps, a hundred of them in flight."""

from __future__ import annotations

from .contenders.verbs import STEPS_OF_A_RUN
from .figures import Bar, Rounds, Section, table
from .plan import Plan
from .processes import DBOS, DBOS_WAL, EVERYONE, OURS, TITLES, Worker, in_turns, say, workers

CPU = "-cpu"


def many_runs(plan: Plan) -> Section:
    """B."""

    def one(worker: Worker) -> dict[str, float]:
        say(f"B: {TITLES[worker.name]}")
        with worker.turn() as ask:
            ask("crowd", runs=plan.crowd_callers, callers=plan.crowd_callers)  # all callers have been there once
            seconds, cpu = ask("crowd", runs=plan.crowd_runs, callers=plan.crowd_callers)
        return {worker.name: plan.crowd_runs / seconds, worker.name + CPU: cpu * 1000 / plan.crowd_runs}

    with workers(EVERYONE) as all_workers:
        rounds = Rounds(in_turns(plan.crowd_rounds, all_workers, one))
    rows = []
    for name in EVERYONE:
        faster, dearer = rounds.ratio(OURS, name), rounds.ratio(name + CPU, OURS + CPU)
        rows.append([TITLES[name], rounds.of(name), rounds.of(name + CPU), faster, dearer])
    text = (
        f"{plan.crowd_runs:,} runs × {STEPS_OF_A_RUN} steps by {plan.crowd_callers} callers, each of whom starts a "
        "run, waits for its result and starts the next. The floor has one caller, and commits each step alone. "
        f"Rounds: {plan.crowd_rounds}.\n\n"
    )
    text += table(["", "runs/s", "CPU ms a run", "ours ÷ it, runs/s", "it ÷ ours, CPU"], rows)
    bars = [
        Bar(f"ours ÷ {TITLES[name]}, runs/s", rounds.ratio(OURS, name).median, 30, " ×", least=True)
        for name in (DBOS_WAL, DBOS)
    ]
    return Section("B. Many runs at once", text, bars)
