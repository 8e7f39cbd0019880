"""S: functions that apps serve over HTTP: our server beside the minimal driver, with the same apps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import NamedTuple

from .contenders.verbs import STEPS_OF_A_RUN
from .figures import Bar, Rounds, Section, percentile, table
from .plan import Plan
from .processes import folder, say
from .served.town import CORES, House, houses, is_there

PAUSE = 0.02
"""Seconds without any work before each event of an idle server."""

DRIVER, SERVER = "driver", "server"

MOST_MB = 120
MOST_SHARE = 1.2
MOST_IDLE = 5


class Match(NamedTuple):
    """An app under our server, and what that is held against."""

    title: str
    server: str  # how ours is started
    app: str
    against: str  # the app under the driver
    ratio: float  # of ms a step, at most
    lid: float  # ms a step
    rate: float | None  # runs a second to the driver's, at least; None: they are not compared
    least: float | None  # runs a second
    is_long: bool = False  # whether the long run is made, too


MATCHES = (
    Match("official Python, FastAPI", "dev", "python", "python", 1.6, 5, 0.65, 150),
    Match("official TypeScript, checkpoints", "dev", "typescript", "typescript", 1.4, 3, None, None),
    Match("ours, FastAPI, checkpoints", "start", "ours", "bare", 1.8, 2, None, 250, is_long=True),
)


class Found(NamedTuple):
    """Figures of one match."""

    match: Match
    steps: Rounds  # ms a step of the sequence; "server-cpu", "driver-cpu" and "app-cpu" beside it
    long: Rounds  # ms a step of the long run
    rates: Rounds  # runs a second
    gaps: Sequence[float]  # ms from an answer of the app until the next call has come
    driver_gaps: Sequence[float]
    shares: Sequence[float]  # ms from the end of an answer until the next call leaves, as a relay sees it
    driver_shares: Sequence[float]
    starts: Sequence[float]  # ms from sending an event until the first call has come
    memory: float  # MB of the server after the load


def serving(plan: Plan) -> Section:
    """S."""
    there = [match for match in MATCHES if is_there(match.app)]
    left_out = [match.title for match in MATCHES if match not in there]
    found = [_measure(plan, match) for match in there]
    text = _told(plan)
    if left_out:
        text += f"Left out, because `make bench` has not made the environment for it: {', '.join(left_out)}.\n\n"
    text += "\n\n".join([_steps(plan, found), _rates(found), _ways(found)])
    return Section("S. Functions behind HTTP", text, [bar for one in found for bar in _bars(plan, one)])


def _told(plan: Plan) -> str:
    return (
        "Our server is a process (`inngest dev`, and `inngest start` with signed calls), the app another, both on the "
        f"same {CORES} cores. They are held against the minimal driver (`served/driver.py`): it keeps the runs' state "
        "in memory, writes each step as a row of one table (`synchronous` FULL, what waits shares a COMMIT), and does "
        "nothing else. It drives the same app; against ours, an ASGI app without framework and SDK that sends each "
        "step as a checkpoint (`served/bare.py`). Apps note when a call comes and when it is answered, so that all is "
        "seen from outside. "
        f"{'The servers run on uvloop, which is installed here. ' if find_spec('uvloop') else ''}"
        f"Rounds: {plan.served_rounds}.\n\n"
    )


def _measure(plan: Plan, match: Match) -> Found:
    sides = [(match.server, match.app), (DRIVER, match.against)]
    with folder() as path, houses(path, sides) as (server, driver):
        named = {SERVER: server, DRIVER: driver}
        say(f"S: {match.title}")
        for house in named.values():  # what is loaded by the first runs is there
            house.drive(plan.served_steps)
            house.drive(STEPS_OF_A_RUN, plan.served_runs // 5)
        gaps: dict[str, list[float]] = {SERVER: [], DRIVER: []}
        steps = _in_rounds(plan, named, lambda name, house: _sequence(name, house, plan.served_steps, gaps))
        long = Rounds([])
        if match.is_long:
            say(f"S: {match.title}, {plan.served_long:,} steps")
            long = _in_rounds(plan, named, lambda name, house: _sequence(name, house, plan.served_long, {}))
        say(f"S: {match.title}, many runs")
        rates = _in_rounds(plan, named, lambda name, house: _crowd(name, house, plan.served_runs))
        starts = [1000 * _start(server) for _ in range(plan.served_starts)]
        memory = server.server.memory
        shares = _shares(plan, named) if gaps[SERVER] else {SERVER: [], DRIVER: []}
        return Found(
            match, steps, long, rates, gaps[SERVER], gaps[DRIVER], shares[SERVER], shares[DRIVER], starts, memory
        )


def _shares(plan: Plan, named: dict[str, House]) -> dict[str, list[float]]:
    """Milliseconds between an answer and the next call, of each side, through a relay."""
    found: dict[str, list[float]] = {name: [] for name in named}
    for house in named.values():
        house.relay()
        house.shares(plan.served_steps)  # connections are made
    for number in range(plan.served_rounds):
        for name in named if number % 2 == 0 else reversed(named):
            found[name] += [1000 * share for share in named[name].shares(plan.served_steps)]
    return found


def _in_rounds(plan: Plan, named: dict[str, House], measure: Callable[[str, House], dict[str, float]]) -> Rounds:
    found = []
    for number in range(plan.served_rounds):
        values: dict[str, float] = {}
        for name in named if number % 2 == 0 else reversed(named):
            values |= measure(name, named[name])
        found.append(values)
    return Rounds(found)


def _sequence(name: str, house: House, steps: int, gaps: dict[str, list[float]]) -> dict[str, float]:
    drove = house.drive(steps)
    if name in gaps:
        gaps[name] += [1000 * gap for gap in drove.gaps]
    each = 1000 / steps
    cpu = {f"{name}-cpu": drove.server_cpu * each, f"{name}-app": drove.app_cpu * each}
    return {name: drove.seconds * each, **cpu}


def _crowd(name: str, house: House, runs: int) -> dict[str, float]:
    return {name: runs / house.drive(STEPS_OF_A_RUN, runs).seconds}


def _start(server: House) -> float:
    time.sleep(PAUSE)
    return server.first_call()


# -- what is told


def _steps(plan: Plan, found: Sequence[Found]) -> str:
    rows = []
    for one in found:
        sizes = [(plan.served_steps, one.steps), (plan.served_long, one.long)]
        for steps, rounds in sizes if one.match.is_long else sizes[:1]:
            cells = [rounds.of(name) for name in (SERVER, DRIVER)]
            cpu = [rounds.of(f"{SERVER}-cpu").median, rounds.of(f"{DRIVER}-cpu").median]
            apps = [rounds.of(f"{SERVER}-app").median, rounds.of(f"{DRIVER}-app").median]
            rows.append([one.match.title, f"{steps:,}", *cells, rounds.ratio(SERVER, DRIVER), *cpu, *apps])
    heads = ["one run", "N", "ours", "driver", "ours ÷ driver", "CPU ours", "CPU driver", "CPU app", "CPU its app"]
    return "Milliseconds a step, from the event to the last answer of the app:\n\n" + table(heads, rows)


def _rates(found: Sequence[Found]) -> str:
    rows = [
        [one.match.title, one.rates.of(SERVER), one.rates.of(DRIVER), one.rates.ratio(SERVER, DRIVER)] for one in found
    ]
    return f"Runs a second, many runs of {STEPS_OF_A_RUN} steps at a time:\n\n" + table(
        ["", "ours", "driver", "ours ÷ driver"], rows
    )


def _ways(found: Sequence[Found]) -> str:
    rows: list[list[object]] = []
    for one in found:
        both = (one.shares, one.driver_shares, one.gaps, one.driver_gaps)
        gaps = [percentile(gap, 0.5) if gap else "–" for gap in both]
        starts = [percentile(one.starts, share) for share in (0.5, 0.99)]
        rows.append([f"{one.match.title}: `inngest {one.match.server}`", *gaps, *starts, one.memory])
    calls = ["answer → next call, ms, p50", "driver's", "seen by the app", "driver's"]
    heads = ["", *calls, "event → first call, ms, p50", "p99", "RSS, MB"]
    return (
        "From when an answer has come to a relay beside the server until the next call of the run comes there from it "
        "(`served/relay.py`). The same as the app sees it, both ways and its own HTTP included. From when an event is "
        "sent to an idle server until the first call has come to the app, "
        "its acknowledgement or not. What the server holds in memory after all that:\n\n" + table(heads, rows)
    )


def _bars(plan: Plan, found: Found) -> list[Bar]:
    match, steps, rates = found.match, plan.served_steps, found.rates
    title = f"{match.title}: "
    bars = [
        Bar(f"{title}ours ÷ driver, N = {steps:,}", found.steps.ratio(SERVER, DRIVER).median, match.ratio, " ×"),
        Bar(f"{title}a step, N = {steps:,}", found.steps.of(SERVER).median, match.lid, " ms"),
    ]
    if match.is_long:
        flat = found.long.of(SERVER).median / found.steps.of(SERVER).median
        long = plan.served_long
        ratio = found.long.ratio(SERVER, DRIVER).median
        bars.append(Bar(f"{title}ours ÷ driver, N = {long:,}", ratio, match.ratio, " ×"))
        bars.append(Bar(f"{title}a step, N = {long:,}", found.long.of(SERVER).median, match.lid, " ms"))
        bars.append(Bar(f"{title}a step at N = {long:,} ÷ at N = {steps:,}", flat, 1.1, " ×"))
    if match.rate is not None:
        bars.append(Bar(f"{title}runs/s, ours ÷ driver", rates.ratio(SERVER, DRIVER).median, match.rate, " ×", True))
    if match.least is not None:
        bars.append(Bar(f"{title}runs/s", rates.of(SERVER).median, match.least, least=True))
    if found.shares:
        bars.append(Bar(f"{title}answer → next call, p50", percentile(found.shares, 0.5), MOST_SHARE, " ms"))
    bars.append(Bar(f"{title}event → first call, p50", percentile(found.starts, 0.5), MOST_IDLE, " ms"))
    bars.append(Bar(f"{title}`inngest {match.server}` after the load", found.memory, MOST_MB, " MB"))
    return bars
