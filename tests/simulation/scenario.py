"""What runs in a world: programs, the events that start them, and how their runs must end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import inngest
from inngest.sdk.function import Function

from .history import Row
from .outside import Outside

APP = "sim"


@dataclass(frozen=True, slots=True)
class End:
    """A run that is over, as the store has it."""

    function: str  # local id
    status: str
    value: object  # what it returned
    error: Mapping[str, Any] | None
    data: Mapping[str, Any]  # of its event
    memos: Sequence[tuple[str, Row]]  # effective ids and rows, in order
    batch: Sequence[Mapping[str, Any]] = ()  # data of the events that started it together

    def memo(self, step: str) -> Row | None:
        """The memo of a step, if it has one."""
        return next((row for name, row in self.memos if name == step), None)

    def place(self, step: str) -> int:
        """A step's place in the order of commits; after all others if it has none."""
        return next((place for place, (name, _) in enumerate(self.memos) if name == step), len(self.memos))


Judge = Callable[[End], bool]

Meaning = Callable[[Mapping[str, Any]], object]
"""What an expression says about an event's data, said again: checkers must not ask the engine's expressions."""


@dataclass(frozen=True, slots=True)
class Posting:
    """An event from outside, which its program waits for; its data has the program's number."""

    name: str  # without the app
    after: tuple[int, int]  # ms after the program's own event: from and to, drawn
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Signalling:
    """A signal from outside, sent until it wakes a run, or as often as it is tried."""

    name: str  # of which the program's number is a part: "name/7"
    after: tuple[int, int]
    tries: int = 1  # half a second after each other


@dataclass(frozen=True, slots=True)
class Cancelling:
    """The runs of a function that there are by then, for the program's number, are cancelled."""

    function: str  # local id
    after: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Pausing:
    """A function is paused, and resumed later."""

    function: str  # local id
    after: tuple[int, int]
    lasts: tuple[int, int]  # ms, drawn
    on_event: str = "queue"  # or "skip"


@dataclass(frozen=True, slots=True)
class Rerunning:
    """The runs of a function that there are by then, for the program's number, are run again."""

    function: str  # local id
    after: tuple[int, int]
    step: str | None = None  # from which on; None: from the start


Meanwhile = Posting | Signalling | Cancelling | Pausing | Rerunning


@dataclass(frozen=True, slots=True)
class Does:
    """A step of an endpoint."""

    step: str
    value: str
    fails: int = 0  # so many tries first


@dataclass(frozen=True, slots=True)
class Naps:
    """A sleep of an endpoint."""

    step: str
    ms: int


@dataclass(frozen=True, slots=True)
class Together:
    """Steps of an endpoint beside each other."""

    steps: Sequence[Does]


Move = Does | Naps | Together
"""The parts of an endpoint's code."""


@dataclass(frozen=True, slots=True)
class Looking:
    """What a step looks for, said again for the checker: it must not ask the engine's expressions."""

    mine: bool = True  # events with the number of the run's own event
    that: Callable[[Mapping[str, Any]], bool] = lambda _: True  # of the event's data
    since: bool = False  # events that came earlier count too


@dataclass(frozen=True, slots=True)
class Program:
    """Functions of the corpus, and what a run of each may end with, whatever happened on the way."""

    name: str  # also of the event: "sim/{name}"
    make: Callable[[inngest.Inngest, Outside, int], Sequence[Function[Any]]]  # the int is the version of the code
    ends: Mapping[str, Judge]  # by local id of the function
    runs: Mapping[str, int | None] = field(default_factory=dict)  # for one event, if not 1; None: any number
    data: Mapping[str, object] = field(default_factory=dict)
    meanwhile: Sequence[Meanwhile] = ()  # what comes from outside for each of its events
    looks: Mapping[str, Looking] = field(default_factory=dict)  # by id of the step that waits for an event
    means: Mapping[str, Meaning] = field(default_factory=dict)  # by the text of expressions on its functions' events
    retries: Mapping[str, int] = field(default_factory=dict)  # by id of the steps that have a number of their own
    lasts: int = 0  # ms that a world with it goes on at least
    once: Sequence[str] = ()  # ids of steps of which no attempt is begun twice
    threads: int = 8  # that a process has for plain functions at most
    deploys: bool = True  # while a run of it is on hold, other code is deployed
    script: Sequence[Move] = ()  # of an endpoint, which has no functions: requests start it, and no events
    replays: bool = True  # a replay of its finished run gives the same end: its code did not change

    @property
    def event(self) -> str:
        """The name of the event that starts it."""
        return f"{APP}/{self.name}"


@dataclass(frozen=True, slots=True)
class Send:
    """An event that is sent until it is acknowledged."""

    program: Program
    at: int = 0  # ms after the world began
    delay: int = 0  # ms that its `ts` is in the future


@dataclass(frozen=True, slots=True)
class Scenario:
    """A world's cast."""

    name: str
    programs: Sequence[Program]
    sends: Sequence[Send]
    engines: int = 1
    apps: int = 0  # processes that serve the functions; if there are any, engines have none of their own
    kept: float = 0.0  # how often a connection to an app is kept as a call leaves
    retry_interval: int | None = 1_000  # ms
    max_in_flight: int = 100
    max_steps: int = 1_000  # of one run
    requests: int = 100  # that a process makes at a time
    outbox: float = 0.0  # how often an event is sent in a transaction beside the engines
    silence: int = 600_000  # ms without a report after which an endpoint is called for its run
    look: int = 50  # ms between looks at what other processes did
    rests: tuple[float, ...] = (0.01, 0.3, 2.0)  # seconds from the end of a process to the next, drawn
    patience: int = 300  # seconds after the calm in which every run must end
    transactions: int = 5_000  # after so many, a world is taken to spin

    @property
    def answers(self) -> bool:
        """Whether its programs are endpoints."""
        return any(program.script for program in self.programs)

    @property
    def threads(self) -> int:
        """How many plain functions a process executes at a time."""
        return min(program.threads for program in self.programs)


def alone(program: Program, *, engines: int = 1, apps: int = 0, **more: Any) -> Scenario:
    """A world with one program, started once. An engine that is alone need not look often at what others did."""
    if apps:
        return Scenario(f"{program.name}@{engines}", [program], [Send(program)], engines, apps, **more)
    if engines > 1:
        return Scenario(f"{program.name}-{engines}", [program], [Send(program)], engines, **more)
    return Scenario(program.name, [program], [Send(program)], look=1_000 if program.lasts else 200, **more)
