"""L: what lies in the database: jobs of others, runs that are over; what is asked when nothing happens."""

from __future__ import annotations

from benchmarks.figures import Bar, Rounds, Section, percentile, short, table
from benchmarks.plan import Plan
from benchmarks.processes import Worker, in_turns, on_databases, say
from benchmarks.sequential import PAUSE

from .server import Database, database
from .together import turns

MB = 1_000_000
STEPS = 300
"""Steps in a row beside runs that are over."""

STEPS_OF_A_FINISHED_RUN = 2
PARTS = 8
"""The sizes of the database are taken after each of so many parts of all runs."""

FEW, MANY = "few", "many"
SMALL, LARGE = "member:small", "member:large"


def lying(plan: Plan) -> Section:
    """Claims beside jobs of others, all else beside finished runs, and a database whose runs are removed."""
    with database() as found:
        claims = {name: _claims(plan, found, name, count) for name, count in ((FEW, 0), (MANY, plan.backlog))}
        beside = _beside_finished(plan, found)
        asked = _at_rest(plan, found)
        sizes = _sizes(plan, found)
    middle = {name: percentile(taken, 0.5) for name, taken in claims.items()}
    rows = [
        [what, beside.of(what + SMALL), beside.of(what + LARGE), beside.ratio(what + LARGE, what + SMALL)]
        for what in _WHAT
    ]
    half, whole = sizes[PARTS // 2 - 1], sizes[-1]
    text = (
        f"A claim that finds one run takes {short(middle[FEW])} ms (p50) on an empty queue, {short(middle[MANY])} ms "
        f"beside {plan.backlog:,} jobs that are due, of 1,000 functions that others serve.\n\n"
        f"Beside {plan.finished:,} finished runs of {STEPS_OF_A_FINISHED_RUN} steps, and without them, in turns:"
        f"\n\n{table(['', 'empty', 'with them', 'ratio'], rows)}\n\n"
        f"Two engines at rest ask the server {short(asked)} times a second each. {plan.kept_runs:,} runs of one step, "
        "each kept for a second after its end: MB of all tables and indexes after each eighth of them: "
        f"{', '.join(short(size / MB) for size in sizes)}."
    )
    bars = [
        Bar(f"a claim beside {plan.backlog:,} jobs of others, p50", middle[MANY], 2, " ms"),
        *(
            Bar(f"{what}: beside {plan.finished:,} finished runs ÷ without", _slower(beside, what), 1.1, " ×")
            for what in _WHAT
        ),
        Bar("queries of an engine at rest", asked, 1, "/s"),
        Bar(f"size after {plan.kept_runs:,} runs that are removed ÷ after half of them", whole / half, 1.1, " ×"),
    ]
    return Section("L. A fleet: what lies in the database", text, bars)


def _claims(plan: Plan, on: Database, schema: str, jobs: int) -> list[float]:
    """Milliseconds of claims beside so many jobs of others."""
    say(f"L: claims beside {jobs:,} jobs")
    with on_databases({"member": on.url(schema)}):
        pass  # it registers the function whose runs are claimed
    if jobs:
        columns = "id, run_id, function_id, due_at, queue_class, lane, start, score"
        on.execute(
            f"INSERT INTO inngest_jobs ({columns}) SELECT 'J' || n, 'R' || n, 'other-' || n % 1000, n, 0, '', 0, n "
            f"FROM generate_series(1, {jobs}) AS n",
            schema=schema,
        )
        on.execute("VACUUM ANALYZE")
    with on_databases({"sender": on.url(schema)}) as (sender,), sender.turn() as ask:
        ask("claims", samples=10)
        return [1000 * taken for taken in ask("claims", samples=plan.fleet_samples)]


_WHAT = {"a step in a row, ms": False, "many runs, runs/s": True, "one step when idle, p50, ms": False}
"""What is measured; whether more is better."""


def _slower(found: Rounds, what: str) -> float:
    """How many times as slow it is beside what lies there."""
    few, many = what + SMALL, what + LARGE
    return found.ratio(few, many).median if _WHAT[what] else found.ratio(many, few).median


def _beside_finished(plan: Plan, on: Database) -> Rounds:
    """A, B and C in a database with finished runs, and in one without."""
    say(f"L: beside {plan.finished:,} finished runs")
    urls = {SMALL: on.url("small"), LARGE: on.url("large")}
    with on_databases(urls) as workers:
        for worker in workers:
            with worker.turn() as ask:
                ask("sequence", steps=STEPS_OF_A_FINISHED_RUN, repeats=1)
    asked = "SELECT r.id FROM inngest_runs r JOIN inngest_steps s ON s.run_id = r.id GROUP BY r.id HAVING count(*) = 2"
    on.copied("large", on.execute(asked, schema="large")[0][0], plan.finished)
    with on_databases(urls) as workers:
        for worker in workers:
            _of(plan, worker)
        return Rounds(in_turns(plan.fleet_rounds, workers, lambda worker: _of(plan, worker)))


def _of(plan: Plan, worker: Worker) -> dict[str, float]:
    runs, callers = plan.crowd_runs, plan.crowd_callers
    with worker.turn() as ask:
        step = 1000 * ask("sequence", steps=STEPS, repeats=1) / STEPS
        rate = runs / ask("crowd", runs=runs, callers=callers)[0]
        idle = 1000 * percentile(ask("latencies", count=plan.latency_samples, pause=PAUSE), 0.5)
    return {what + worker.name: figure for what, figure in zip(_WHAT, (step, rate, idle), strict=True)}


def _at_rest(plan: Plan, on: Database) -> float:
    """Queries a second of an engine beside another, when nothing happens."""
    say("L: at rest")
    with on_databases({f"resting:{number}": on.url("rest") for number in range(2)}, stops=False) as pair, turns(pair):
        for worker in pair:  # what a start has left to do is done
            worker.begin("queries", seconds=plan.rest_seconds / 4)
        for worker in pair:
            worker.answer()
        for worker in pair:
            worker.begin("queries", seconds=plan.rest_seconds)
        return max(worker.answer() for worker in pair) / plan.rest_seconds


def _sizes(plan: Plan, on: Database) -> list[int]:
    """Bytes of all tables after each part of the runs."""
    found = []
    with on_databases({"brief": on.url("brief")}) as (worker,), worker.turn() as ask:
        for part in range(PARTS):
            say(f"L: runs that are removed, part {part + 1} of {PARTS}")
            ask("crowd", runs=plan.kept_runs // PARTS, callers=plan.crowd_callers, steps=1)
            found.append(on.size("brief"))
    return found
