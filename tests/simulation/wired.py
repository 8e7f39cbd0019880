"""Worlds in which functions are behind the wire: engines call apps, and apps send checkpoints to any engine."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from .corpus import ANSWERING, BY_NAME, CHOOSING, DEFERRING, GATED, PROGRAMS, REQUESTING, WAITING
from .faults import Fault, Plan, Storm
from .scenario import Program, Scenario, Send

APART = {"threaded", "to-itself", "conflict"}
"""Programs that are not served: threads that a function starts itself are another matter behind the wire, and of
signals that a function sends nobody knows whether they have come, if their answer is lost."""

UNSEEN = {"changed-kind", "changed-back"}
"""Programs in which a finished step becomes one of another kind: no app sees that, since calls tell results alone."""

SERVED: Sequence[Program] = [
    one for one in (*PROGRAMS, *WAITING, *CHOOSING, *DEFERRING, *REQUESTING, *GATED) if one.name not in APART
]
"""Programs that apps serve."""

ROBUST = [one for one in SERVED if not one.retries]
"""Those whose steps are as often tried as any: a call that is cut counts for the step that it ran, or for none."""

RECORDING = [BY_NAME[name] for name in ("sequential", "loop", "sends", "charge", "retries", "plain", "siblings")]
"""Programs whose steps are recorded while their calls go on."""


def _cast(chance: random.Random, programs: Sequence[Program], until: int) -> tuple[list[Program], list[Send]]:
    """Some of these programs, and their events within so many milliseconds."""
    drawn = chance.sample(programs, 5)
    return drawn, [Send(one, at=chance.randint(0, until)) for one in (*drawn, *chance.choices(drawn, k=5))]


def served(seed: int) -> tuple[Scenario, Plan]:
    """Engines and apps die alone and come back, and what crosses between them is late, lost, cut, or comes twice."""
    chance = random.Random(f"served {seed}")
    programs, sends = _cast(chance, ROBUST, 12_000)
    scenario = Scenario("served", programs, sends, engines=chance.randint(1, 3), apps=chance.randint(1, 3))
    kinds = (Fault.APP_CRASH, Fault.APP_CRASH, Fault.CRASH_ANYWHERE, Fault.STOP, Fault.ZOMBIE, Fault.PAUSE)
    at_commit, line = chance.choice((0, 0.02, 0.04)), chance.choice((0.03, 0.1))
    storm = Storm(lasts=15, at_commit=at_commit, line=line, every=1.5, kinds=kinds)
    return scenario, Plan(storm=storm, twice=chance.random() < 0.2)


def two_servers(seed: int) -> tuple[Scenario, Plan]:
    """Two engines, and every second checkpoint comes to the one that does not have the run."""
    chance = random.Random(f"two-servers {seed}")
    programs, sends = _cast(chance, ROBUST, 8_000)
    storm = Storm(lasts=10, at_commit=0, busy=0, deaf=0.1, line=0.1, every=2.5, kinds=(Fault.APP_CRASH, Fault.STOP))
    return Scenario("two-servers", programs, sends, engines=2, apps=2), Plan(storm=storm if seed % 3 else None)


def checkpointed(seed: int) -> tuple[Scenario, Plan]:
    """Steps that are recorded one by one while a call goes on; of checkpoints every fourth goes wrong."""
    chance = random.Random(f"checkpointed {seed}")
    programs, sends = _cast(chance, RECORDING, 10_000)
    kinds = (Fault.ZOMBIE, Fault.CRASH_ANYWHERE, Fault.STOP, Fault.APP_CRASH)
    storm = Storm(lasts=20, at_commit=chance.choice((0, 0.02)), busy=0, line=0.25, every=2.0, kinds=kinds)
    return Scenario("checkpointed", programs, sends, engines=chance.randint(1, 2), apps=2), Plan(storm=storm)


def app_away(seed: int) -> tuple[Scenario, Plan]:
    """The only app ends, and is away for seconds or minutes, while events come and runs wait."""
    chance = random.Random(f"app-away {seed}")
    programs, sends = _cast(chance, ROBUST, 30_000)
    kinds = (Fault.APP_AWAY, Fault.APP_AWAY, Fault.APP_CRASH, Fault.STOP)
    storm = Storm(lasts=60, at_commit=0, busy=0, line=0.01, every=8.0, kinds=kinds)
    return Scenario("app-away", programs, sends, chance.randint(1, 2), apps=1, patience=600), Plan(storm=storm)


def wired(seed: int) -> tuple[Scenario, Plan]:
    """Nothing goes wrong: nothing may be late, and nobody is called in vain."""
    chance = random.Random(f"wired {seed}")
    programs, sends = _cast(chance, SERVED, 6_000)
    return Scenario("wired", programs, sends, engines=1 + seed % 2, apps=1 + seed % 3), Plan()


def in_turn(seed: int) -> tuple[Scenario, Plan]:
    """The same with checkpoints, which come to two engines in turn: what an app has done is done."""
    chance = random.Random(f"in-turn {seed}")
    programs, sends = _cast(chance, RECORDING, 8_000)
    return Scenario("in-turn", programs, sends, engines=2, apps=2, kept=chance.choice((0.0, 0.9))), Plan()


def kept(seed: int) -> tuple[Scenario, Plan]:
    """One of the others, in which connections to apps are kept: discoveries leave in the turn of the commit."""
    chance = random.Random(f"kept {seed}")
    scenario, plan = chance.choice((served, two_servers, checkpointed, app_away, wired))(seed)
    storm = None if plan.storm is None else replace(plan.storm, doubled=chance.choice((0.0, 0.2)))
    return replace(scenario, name="kept", kept=chance.choice((0.5, 0.9, 1.0))), replace(plan, storm=storm)


def endpoints(seed: int) -> tuple[Scenario, Plan]:
    """Requests that are runs: apps and engines die, reports go astray, and whoever is silent is taken for dead."""
    chance = random.Random(f"endpoints {seed}")
    sends = [Send(one, at=chance.randint(0, 10_000)) for one in chance.choices(ANSWERING, k=10)]
    scenario = Scenario("endpoints", ANSWERING, sends, engines=chance.randint(1, 2), apps=2)
    scenario = replace(scenario, silence=chance.choice((1_500, 6_000, 30_000)), kept=chance.choice((0.0, 0.9)))
    kinds = (Fault.APP_CRASH, Fault.APP_CRASH, Fault.CRASH_ANYWHERE, Fault.STOP, Fault.ZOMBIE, Fault.PAUSE)
    at_commit, doubled = chance.choice((0, 0.02)), chance.choice((0.0, 0.2))
    storm = Storm(lasts=15, at_commit=at_commit, line=0.1, doubled=doubled, every=1.5, kinds=kinds)
    return scenario, Plan(storm=storm if seed % 4 else None)


WIRED = {
    "served": served,
    "two-servers": two_servers,
    "checkpointed": checkpointed,
    "app-away": app_away,
    "wired": wired,
    "in-turn": in_turn,
    "kept": kept,
    "endpoints": endpoints,
}
