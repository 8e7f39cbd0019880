"""L: A, B and C on PostgreSQL, beside DBOS on the same server."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.contenders.verbs import STEPS_OF_A_RUN
from benchmarks.figures import Bar, Rounds, Section, percentile, table
from benchmarks.plan import Plan
from benchmarks.processes import Worker, in_turns, on_databases, say
from benchmarks.sequential import FLOOR_STEPS, PAUSE

from .server import Database, database

FLOOR, OURS, DBOS = "floor-postgres", "member", "dbos-postgres"
TITLES = {FLOOR: "floor", OURS: "ours", DBOS: "DBOS"}
CPU, SERVER, WAL = "-cpu", "-server", "-wal"

KB = 1_000


def beside_dbos(plan: Plan) -> Section:
    """Steps in a row, many runs at once, one step when idle."""
    with (
        database() as found,
        on_databases({FLOOR: found.plain_url(), OURS: found.url("inngest"), DBOS: found.plain_url("dbos")}) as workers,
    ):
        rows = _sequences(plan, workers)
        crowds = _crowds(plan, found, workers)
        idle = _latencies(plan, workers)
    text = (
        "PostgreSQL with its defaults (fsync, synchronous_commit), reached through a socket. The floor is one `INSERT` "
        "for each step, which commits by itself, into a table without any index, prepared. Ours is an engine in a "
        "process; its lease is long, because it is stopped while it does not have its turn. DBOS has a database of its "
        f"own on the same server. Rounds: {plan.fleet_rounds}.\n\n"
    )
    text += "\n\n".join([_told_sequences(rows), _told_crowds(plan, crowds), _told_latencies(idle)])
    return Section("L. A fleet: beside DBOS on PostgreSQL", text, _bars(rows, crowds, idle))


def _sequences(plan: Plan, workers: list[Worker]) -> dict[int, Rounds]:
    """Milliseconds a step, by steps of a run; the floor just before ours and just after it."""
    floor, ours, dbos = workers
    for engine in (ours, dbos):
        _milliseconds(engine, plan.warm_up if engine is ours else plan.dbos_steps // 10, 1)
    _milliseconds(floor, plan.warm_up, 1)
    found = {}
    for steps, repeats in plan.fleet_repeats.items():
        say(f"L: {steps:,} steps")
        values = []
        for number in range(plan.fleet_rounds):
            value: dict[str, float] = {}
            for engine in (ours, dbos) if number % 2 else (dbos, ours):
                if engine is ours:
                    before = _milliseconds(floor, FLOOR_STEPS, 1)
                    value[OURS] = _milliseconds(ours, steps, repeats)
                    value[FLOOR] = (before + _milliseconds(floor, FLOOR_STEPS, 1)) / 2
                elif steps <= plan.dbos_steps:
                    value[DBOS] = _milliseconds(dbos, steps, 1)
            values.append(value)
        found[steps] = Rounds(values)
    return found


def _milliseconds(worker: Worker, steps: int, repeats: int) -> float:
    with worker.turn() as ask:
        return float(ask("sequence", steps=steps, repeats=repeats)) * 1000 / steps / repeats


def _crowds(plan: Plan, on: Database, workers: list[Worker]) -> Rounds:
    """Runs a second; beside it what a run costs in CPU of its process and of the server (ms), and in WAL (kB)."""
    runs, callers = plan.crowd_runs, plan.crowd_callers

    def one(worker: Worker) -> dict[str, float]:
        say(f"L: many runs, {TITLES[worker.name]}")
        with worker.turn() as ask:
            ask("crowd", runs=callers, callers=callers)
            with on.spent() as spent:
                seconds, cpu = ask("crowd", runs=runs, callers=callers)
        return {
            worker.name: runs / seconds,
            worker.name + CPU: 1000 * cpu / runs,
            worker.name + SERVER: 1000 * spent.cpu / runs,
            worker.name + WAL: spent.wal / KB / runs,
        }

    return Rounds(in_turns(plan.fleet_rounds, workers, one))


def _latencies(plan: Plan, workers: list[Worker]) -> Mapping[str, list[float]]:
    """Milliseconds of single runs of one step, with a pause before each."""
    found: dict[str, list[float]] = {worker.name: [] for worker in workers}

    def one(worker: Worker) -> dict[str, float]:
        with worker.turn() as ask:
            found[worker.name] += [1000 * taken for taken in ask("latencies", count=plan.latency_samples, pause=PAUSE)]
        return {}

    say("L: one step when idle")
    in_turns(plan.fleet_rounds, workers, one)
    return found


# -- what is told


def _told_sequences(found: Mapping[int, Rounds]) -> str:
    rows = []
    for steps, rounds in found.items():
        peer = [rounds.of(DBOS), rounds.ratio(DBOS, OURS)] if rounds.has(DBOS) else ["–", "–"]
        rows.append([f"{steps:,}", rounds.of(FLOOR), rounds.of(OURS), peer[0], rounds.ratio(OURS, FLOOR), peer[1]])
    heads = ["N", "floor, ms", "ours, ms", "DBOS, ms", "ours ÷ floor", "DBOS ÷ ours"]
    return "One run of N trivial steps in a row, per step:\n\n" + table(heads, rows)


def _told_crowds(plan: Plan, found: Rounds) -> str:
    rows = [
        [
            TITLES[name],
            *(found.of(name + what) for what in ("", CPU, SERVER, WAL)),
            found.ratio(OURS, name),
        ]
        for name in TITLES
    ]
    heads = ["", "runs/s", "CPU ms a run", "of the server", "WAL kB a run", "ours ÷ it, runs/s"]
    told = (
        f"{plan.crowd_runs:,} runs × {STEPS_OF_A_RUN} steps by {plan.crowd_callers} callers. CPU of the process, and "
        "of all processes of the server; WAL with the images of whole pages after a checkpoint:\n\n"
    )
    return told + table(heads, rows)


def _told_latencies(found: Mapping[str, list[float]]) -> str:
    rows = [[TITLES[name], percentile(taken, 0.5), percentile(taken, 0.99)] for name, taken in found.items()]
    told = f"One run of one step, with {PAUSE * 1000:g} ms of quiet before each, {len(found[OURS])} of each:\n\n"
    return told + table(["", "p50, ms", "p99, ms"], rows)


def _bars(sequences: Mapping[int, Rounds], crowds: Rounds, idle: Mapping[str, list[float]]) -> list[Bar]:
    ratios = {steps: rounds.ratio(OURS, FLOOR).median for steps, rounds in sequences.items()}
    few, many = min(ratios), max(ratios)
    middle = {name: percentile(taken, 0.5) for name, taken in idle.items()}
    return [
        *(Bar(f"a step ÷ floor, N = {steps:,}", ratio, 2, " ×") for steps, ratio in ratios.items()),
        Bar(f"that ratio at N = {many:,} ÷ at N = {few:,}", ratios[many] / ratios[few], 1.2, " ×"),
        Bar("ours ÷ DBOS, runs/s", crowds.ratio(OURS, DBOS).median, 22, " ×", least=True),
        Bar("one step when idle, ours ÷ DBOS, p50", middle[OURS] / middle[DBOS], 1, " ×"),
    ]
