"""The worlds that are looked into: by name, and where chance picks the cast, by seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from .corpus import BY_NAME, CATCHING, CHANGED, CHOOSING, DEFERRING, GATED, PROGRAMS, REQUESTING, TICKING, WAITING
from .faults import Fault, Plan, Storm
from .scenario import Scenario, Send, alone
from .wired import WIRED


def _storm(seed: int) -> tuple[Scenario, Plan]:
    """Several engines, many runs of many programs, and everything goes wrong."""
    chance = random.Random(f"storm {seed}")
    programs = chance.sample(PROGRAMS, 6)
    sends = [Send(program, at=chance.randint(0, 12_000)) for program in (*programs, *chance.choices(programs, k=6))]
    scenario = Scenario(
        "storm", programs, sends, engines=chance.randint(1, 3), max_in_flight=chance.choice((1, 2, 5, 100))
    )
    skew = chance.choice((0, 0, 300, 1_500))
    return scenario, Plan(storm=Storm(lasts=15), skew=skew, twice=chance.random() < 0.3)


def _long(seed: int) -> tuple[Scenario, Plan]:
    """The real table of retries, and runs that begin in the future: hours, in which little happens."""
    chance = random.Random(f"long {seed}")
    programs = [BY_NAME[name] for name in ("retries", "siblings", "hopeless", "plain", "sleeps", "gathered")]
    sends = [Send(program, delay=chance.choice((0, 60_000, 3_600_000))) for program in programs]
    storm = Storm(lasts=3_900, at_commit=0.05, every=300)
    scenario = Scenario("long", programs, sends, chance.randint(1, 2), retry_interval=None, look=20_000, patience=8_000)
    return scenario, Plan(storm=storm)


def _killer(seed: int) -> tuple[Scenario, Plan]:
    """A step that ends its process, and runs beside it, which must come to no harm."""
    chance = random.Random(f"killer {seed}")
    names = ["killer", *chance.sample([program.name for program in PROGRAMS], 2)]
    sends = [Send(BY_NAME[name], at=300 * place) for place, name in enumerate(names)]
    return Scenario("killer", [BY_NAME[name] for name in names], sends, chance.randint(1, 2)), Plan()


def _busy(seed: int) -> tuple[Scenario, Plan]:
    """A step that ends its process, beside workers that are busy for minutes, and many short runs."""
    chance = random.Random(f"busy {seed}")
    short = BY_NAME["sequential"]
    killer, long = BY_NAME["kills-late"], BY_NAME["lingers"]
    sends = [Send(killer, at=chance.randint(0, 3_000)), Send(long), Send(long, at=30_000)]
    sends += [Send(short, at=9_000 * number) for number in range(30)]
    return Scenario(
        "busy", [killer, long, short], sends, 1 + seed % 2, look=1_000, rests=(0.3, 3.0), patience=2_000
    ), Plan()


def _outgrown(seed: int) -> tuple[Scenario, Plan]:
    """Runs that have more steps than they may, by answers from outside; in one of two worlds no fault."""
    chance = random.Random(f"outgrown {seed}")
    program = BY_NAME["outgrows"]
    sends = [Send(program, at=900 * number) for number in range(2)]
    plan = Plan(storm=Storm(lasts=8, at_commit=0.03, every=2.0)) if seed % 2 else Plan()
    return Scenario("outgrown", [program], sends, chance.randint(1, 2), max_steps=4), plan


def _zombies(seed: int) -> tuple[Scenario, Plan]:
    """Workers are declared dead while they run, again and again."""
    scenario, _ = _storm(seed)
    storm = Storm(lasts=10, at_commit=0, busy=0, deaf=0, every=0.7, kinds=(Fault.ZOMBIE, Fault.ZOMBIE, Fault.PAUSE))
    return replace(scenario, name="zombies", max_in_flight=100), Plan(storm=storm)


def _torn(seed: int) -> tuple[Scenario, Plan]:
    """Loops that end while runs are in flight, also while their engine stops: all their tasks are cancelled at once."""
    chance = random.Random(f"torn {seed}")
    programs = [*chance.sample(CATCHING, 2), *chance.sample((*PROGRAMS, *CHOOSING, *WAITING), 4)]
    sends = [Send(program, at=chance.randint(0, 6_000)) for program in (*programs, *chance.choices(programs, k=6))]
    storm = Storm(lasts=8, at_commit=0, busy=0, every=0.5, kinds=(Fault.TORN, Fault.TORN, Fault.TORN, Fault.STOP))
    return Scenario("torn", programs, sends, engines=chance.randint(1, 2)), Plan(storm=storm)


def _deaf(seed: int) -> tuple[Scenario, Plan]:
    """No engine ever sees by itself that another one wrote: a lost wake-up costs a poll, and nothing else."""
    scenario, _ = _storm(seed)
    storm = Storm(lasts=10, at_commit=0.02, busy=0, deaf=1, every=3, kinds=(Fault.CRASH_ANYWHERE, Fault.STOP))
    return replace(scenario, name="deaf", engines=2), Plan(storm=storm)


def _forsaken(seed: int) -> tuple[Scenario, Plan]:
    """One of two engines stops for good, and the other one has seen little of what it wrote: a poll finds the rest."""
    chance = random.Random(f"forsaken {seed}")
    program = BY_NAME["sleeps"]
    sends = [Send(program, at=chance.randint(0, 2_000))]
    storm = Storm(lasts=12, at_commit=0, busy=0, full=0, unanswered=0, away=0, repeated=0, deaf=1, cut=0)
    plan = Plan(at={chance.randint(18, 27): Fault.STOP}, storm=replace(storm, every=3, kinds=(Fault.DEAF,)))
    return Scenario("forsaken", [program], sends, engines=2, rests=(900.0,)), plan


def _twice(seed: int) -> tuple[Scenario, Plan]:
    """Every event is delivered twice, and nothing else goes wrong."""
    scenario, _ = _storm(seed)
    return replace(scenario, name="twice"), Plan(twice=True)


def _requests(seed: int) -> tuple[Scenario, Plan]:
    """Requests that the engine makes, while workers die, or are declared dead; few places for them, or many."""
    chance = random.Random(f"requests {seed}")
    programs = REQUESTING
    sends = [Send(program, at=chance.randint(0, 6_000)) for program in chance.choices(programs, k=6)]
    kinds = (Fault.ZOMBIE, Fault.ZOMBIE, Fault.CRASH_ANYWHERE, Fault.STOP)
    storm = Storm(lasts=8, at_commit=0.02, every=0.5, kinds=kinds)
    engines, places = chance.randint(1, 3), chance.choice((2, 4, 100))
    return Scenario("requests", programs, sends, engines, requests=places), Plan(storm=storm)


def _hosts(seed: int) -> tuple[Scenario, Plan]:
    """More requests than places, to hosts that answer late, and to others; no fault: nobody may be forgotten."""
    chance = random.Random(f"hosts {seed}")
    crowding = BY_NAME["fetching-slowly"]
    sends = [Send(crowding, at=chance.randint(0, 2_000)) for _ in range(3)]
    sends += [Send(BY_NAME["fetching"], at=chance.randint(0, 6_000)) for _ in range(2)]
    scenario = Scenario(
        "hosts", [crowding, BY_NAME["fetching"]], sends, 1 + seed % 2, requests=chance.choice((2, 4, 8))
    )
    return replace(scenario, look=2_000, patience=60), Plan()


def _deferring(seed: int) -> tuple[Scenario, Plan]:
    """Runs that have others start when they have ended, if they are not cancelled."""
    chance = random.Random(f"deferring {seed}")
    sends = [Send(program, at=chance.randint(0, 6_000)) for program in (*DEFERRING, *chance.choices(DEFERRING, k=4))]
    storm = Storm(lasts=10, at_commit=chance.choice((0, 0.02, 0.05)), every=chance.choice((0.7, 4.0)))
    plan = Plan(storm=storm, skew=chance.choice((0, 0, 20, 1_500)), twice=chance.random() < 0.3)
    return Scenario("deferring", DEFERRING, sends, engines=chance.randint(1, 3)), plan


def _outside(seed: int) -> tuple[Scenario, Plan]:
    """Runs that wait, invoke, and are cancelled, while events and signals come at any time; clocks are wrong."""
    chance = random.Random(f"outside {seed}")
    programs = [*chance.sample(WAITING, 5), chance.choice(PROGRAMS)]
    sends = [Send(program, at=chance.randint(0, 6_000)) for program in (*programs, *chance.choices(programs, k=4))]
    scenario = Scenario(
        "outside", programs, sends, engines=chance.randint(1, 3), max_in_flight=chance.choice((1, 3, 100, 100))
    )
    storm = Storm(lasts=10, at_commit=chance.choice((0, 0.02, 0.05)), every=chance.choice((1.0, 4.0)))
    return scenario, Plan(storm=storm, skew=chance.choice((0, 0, 20, 1_500)), twice=chance.random() < 0.3)


def _crowd(seed: int) -> tuple[Scenario, Plan]:
    """The same without a fault: nothing may be late, either."""
    scenario, _ = _outside(seed)
    return replace(scenario, name="crowd", engines=1 + seed % 2, max_in_flight=100), Plan()


def _gated(seed: int) -> tuple[Scenario, Plan]:
    """Runs that may not just begin, or are not let go on, and steps that choose; in one of three worlds no fault."""
    chance = random.Random(f"gated {seed}")
    programs = [*chance.sample(GATED, 4), *chance.sample(CHOOSING, 2)]
    sends = [Send(program, at=chance.randint(0, 6_000)) for program in (*programs, *chance.choices(programs, k=3))]
    scenario = Scenario(
        "gated", programs, sends, engines=chance.randint(1, 3), max_in_flight=chance.choice((2, 100, 100))
    )
    if seed % 3 == 0:
        return scenario, Plan()
    storm = Storm(lasts=10, at_commit=chance.choice((0, 0.02, 0.05)), every=chance.choice((1.0, 4.0)))
    return scenario, Plan(storm=storm, skew=chance.choice((0, 0, 20, 1_500)), twice=chance.random() < 0.3)


def _timers(seed: int) -> tuple[Scenario, Plan]:
    """Timers of one worker, which nobody wakes, while commits find no space: what it knows of them is in the file."""
    chance = random.Random(f"timers {seed}")
    programs = [*chance.sample(GATED, 4), BY_NAME["sleeps"]]
    sends = [Send(program, at=chance.randint(0, 20_000)) for program in (*programs, *chance.choices(programs, k=5))]
    quiet = Storm(
        lasts=30, at_commit=0, busy=0, unanswered=0, away=0, repeated=0, deaf=0, every=15, kinds=(Fault.STOP,)
    )
    return Scenario("timers", programs, sends, look=200), Plan(storm=replace(quiet, full=0.1))


def _clockwork(seed: int) -> tuple[Scenario, Plan]:
    """Crons, while nobody is there for minutes, and clocks are set."""
    chance = random.Random(f"clockwork {seed}")
    programs = [*TICKING, BY_NAME["sleeps"]]
    sends = [Send(program, at=chance.randint(0, 60_000)) for program in programs]
    rests = chance.choice(((0.3, 2.0), (20.0, 45.0, 150.0)))
    kinds: tuple[Fault, ...] = (Fault.CRASH_ANYWHERE, Fault.CRASH_ANYWHERE, Fault.STOP, Fault.PAUSE)
    if seed % 2:
        kinds = (*kinds, Fault.STEP_OF_CLOCK, Fault.STEP_OF_CLOCK)
    scenario = Scenario("clockwork", programs, sends, chance.randint(1, 2), look=1_000, patience=900, rests=rests)
    return scenario, Plan(storm=Storm(lasts=600, at_commit=0.01, busy=0.01, every=40, step=90_000, kinds=kinds))


def _hours(seed: int) -> tuple[Scenario, Plan]:
    """The wall clock of the machine is set by hours, to and fro, also while nobody runs, and beside others."""
    chance = random.Random(f"hours {seed}")
    names = ("sleeps", "gathered", "retries", "timely", "race")
    programs = [*(BY_NAME[name] for name in names), *chance.sample(WAITING, 2)]
    sends = [Send(program, at=chance.randint(0, 12_000)) for program in (*programs, *chance.choices(programs, k=4))]
    kinds = (Fault.WALL_SET, Fault.WALL_SET, Fault.CRASH_ANYWHERE, Fault.STOP)
    storm = Storm(lasts=15, at_commit=0.02, busy=0, deaf=chance.choice((0, 0.3)), every=1.0, kinds=kinds)
    return Scenario("hours", programs, sends, engines=chance.randint(1, 3)), Plan(storm=storm)


def _damaged(seed: int) -> tuple[Scenario, Plan]:
    """A row of a run cannot be read, and is mended when all other runs have ended; else hardly anything goes wrong."""
    chance = random.Random(f"damaged {seed}")
    names = {"sleeps": None, **dict.fromkeys(program.name for program in chance.sample(PROGRAMS, 3))}
    programs = [BY_NAME[name] for name in names]
    sends = [Send(program, at=chance.randint(0, 6_000)) for program in (*programs, *chance.choices(programs, k=4))]
    scenario = Scenario("damaged", programs, sends, 1 + seed % 2, max_in_flight=chance.choice((2, 100)))
    storm = Storm(lasts=10, at_commit=chance.choice((0, 0.02)), every=5, kinds=(Fault.CRASH_ANYWHERE, Fault.STOP))
    return scenario, Plan(storm=storm if seed % 3 == 0 else None, damages=True)


def _on_hold(seed: int) -> tuple[Scenario, Plan]:
    """Workers end, in every way, while runs are on hold: as they are put there, as they are entered, as they wait."""
    chance = random.Random(f"on-hold {seed}")
    programs = chance.sample([program for program in CHANGED if program.deploys], 4)
    sends = [Send(program, at=chance.randint(0, 6_000)) for program in (*programs, *chance.choices(programs, k=4))]
    kinds = (Fault.CRASH_ANYWHERE, Fault.CRASH_ANYWHERE, Fault.TORN, Fault.STOP, Fault.ZOMBIE)
    storm = Storm(lasts=12, at_commit=chance.choice((0.02, 0.08)), busy=0, cut=0.3, every=0.8, kinds=kinds)
    return Scenario("on-hold", programs, sends, engines=chance.randint(1, 2)), Plan(storm=storm)


def _outbox(seed: int) -> tuple[Scenario, Plan]:
    """Most events are sent in transactions beside the engines; some of those are rolled back. In one of three worlds
    no fault.
    """
    chance = random.Random(f"outbox {seed}")
    programs = [*chance.sample(WAITING, 3), *chance.sample(GATED, 2), *chance.sample(PROGRAMS, 2)]
    sends = [Send(program, at=chance.randint(0, 6_000)) for program in (*programs, *chance.choices(programs, k=6))]
    scenario = Scenario(
        "outbox", programs, sends, chance.randint(1, 3), outbox=0.7, max_in_flight=chance.choice((2, 100, 100))
    )
    if seed % 3 == 0:
        return scenario, Plan()
    storm = Storm(lasts=10, at_commit=chance.choice((0.02, 0.05)), every=chance.choice((1.0, 4.0)))
    return scenario, Plan(storm=storm, skew=chance.choice((0, 0, 20, 1_500)), twice=chance.random() < 0.3)


MIXED: dict[str, Callable[[int], tuple[Scenario, Plan]]] = {
    "storm": _storm,
    "long": _long,
    "killer": _killer,
    "outgrown": _outgrown,
    "busy": _busy,
    "zombies": _zombies,
    "torn": _torn,
    "deaf": _deaf,
    "forsaken": _forsaken,
    "twice": _twice,
    "requests": _requests,
    "hosts": _hosts,
    "deferring": _deferring,
    "outside": _outside,
    "crowd": _crowd,
    "gated": _gated,
    "timers": _timers,
    "clockwork": _clockwork,
    "hours": _hours,
    "damaged": _damaged,
    "on-hold": _on_hold,
    "outbox": _outbox,
    **WIRED,
}
"""Worlds whose cast is drawn."""


def world_of(name: str, seed: int) -> tuple[Scenario, Plan]:
    """A world by its name: one of MIXED, a program, or a program with a number of engines: `payers-2`.

    `payers@2` is two engines that call two apps for it.
    """
    if name in MIXED:
        return MIXED[name](seed)
    if name in BY_NAME:
        return alone(BY_NAME[name]), Plan()
    program, _, engines = name.rpartition("@")
    if program:
        return alone(BY_NAME[program], engines=int(engines), apps=2), Plan()
    program, _, engines = name.rpartition("-")
    return alone(BY_NAME[program], engines=int(engines)), Plan()
