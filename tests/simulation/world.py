"""A world: processes on one file, events that are sent, faults that happen, and then calm, in which all must end."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import inngest
from inngest.engine.errors import StoreError
from inngest.engine.store import allowance
from inngest.engine.store.timers import NEVER
from inngest.sdk.function import Function

from . import damage, surroundings
from .app import App
from .clients import Clients
from .endpoints import EndpointApp
from .faults import AT_COMMIT, OF_APPS, Fault, Plan, Storm
from .history import Away, Calm, Entry, Fired, History, Noticed, hold_of
from .hosting import GoneError, Hosted
from .loop import STRAND, SimLoop, StuckError
from .outside import Actor, Outside
from .process import Process
from .scenario import APP, Scenario
from .surroundings import PACES, answering, looking, paging, quietly
from .wire import KeepingCarrier, Network, Served, SimCarrier, SimServer

T = TypeVar("T")

PAGES = (1, 4, allowance.ROWS)
"""Rows of one page: of those to whom an event is told, and of what is recorded of runs that are claimed."""

KNOWN_FILE = 0.9
"""How often a world begins with a database that has its schema."""

PENDING = {"debounce", "batch", "starts", "accept", "tell"}
"""Timers that start runs."""

HOURS = 10 * 3_600_000
"""Milliseconds by which the machine's wall clock is wrong at most: what was kept is always within 24 h of it."""

DEPLOYS_EVERY = 5.0
"""Seconds between two deploys, while a run is on hold in the calm."""

AWAY = (8.0, 40.0, 150.0)
"""Seconds that an app is away for long."""

UNWINDING = 1.0
"""Seconds in which the tasks of a start that failed end."""

SOON = 10_000
"""Milliseconds before a tick in which a world does not end, so that what it starts can end, too."""


class World:
    """One world.

    Args:
        scenario: its cast.
        seed: decides everything that the plan leaves open.
        plan: what goes wrong.
        history: where it is noted.
    """

    def __init__(self, scenario: Scenario, seed: int, plan: Plan, history: History | None = None) -> None:
        self.scenario = scenario
        self.seed = seed
        self.plan = plan
        self.retry_interval = scenario.retry_interval
        self.max_in_flight = scenario.max_in_flight
        self.max_steps = scenario.max_steps
        self.requests = scenario.requests
        self.threads = scenario.threads
        self.loop = SimLoop(self.chance("turns"))
        self.locks: set[str] = set()
        self.away_until = 0  # microseconds
        self.history = history or History()
        self.fired_count: Counter[Fault] = Counter()
        self.boundaries = 0
        self.path = Path()
        self.wall = 0  # how far the machine's wall clock is ahead (ms)
        self._processes: list[Process] = []  # all there ever were
        self._alive: list[Process] = []  # those that can be asked something
        self._served: list[Served] = []  # all there ever were
        self._serving: list[Served] = []  # those that live
        self.tries: Counter[tuple[str, str]] = Counter()  # of steps of endpoints, by run and step
        self._network = Network(self, self.chance("network"))
        self._calm = plan.storm is None
        self._closing = False
        self._over = False
        self._deployed_at = 0.0
        self._deployed = {f"{APP}-{name}" for program in scenario.programs if program.deploys for name in program.ends}
        self._latencies = self.chance("latencies")
        self.faults = self.chance("faults")
        self._troubles = self.chance("troubles")
        self._starts = self.chance("starts")
        self._asking = self.chance("asking")
        self.outbox = self.chance("outbox") if scenario.outbox else None
        self._kept, self._doubled = self.chance("kept"), self.chance("doubled")
        self._pace = self.chance("pace").choice(PACES)
        self._outside = Outside(self, self.chance("outside"))
        self._background: list[asyncio.Task[Any]] = []
        self._failure: BaseException | None = None  # of the world itself
        self._lasts = max((send.program.lasts for send in scenario.sends), default=0)  # ms

    def chance(self, stream: str) -> random.Random:
        """A stream of chance of its own, so that one part drawing more does not change all others."""
        return random.Random(f"{self.scenario.name}/{self.seed}/{stream}")

    # -- the whole

    def run(self) -> History:
        """Let everything happen."""
        pages = paging(self.chance("pages").choice(PAGES))
        errors = surroundings.listening(self.notice, deaf=self.plan.damages)
        silent = answering(self.scenario.silence)
        with surroundings.file() as self.path, looking(self.scenario.look), silent, pages, errors:
            if self.chance("file").random() < KNOWN_FILE:
                surroundings.copy_template(self.path)
            try:
                self.loop.drive(self._main())
                if self._failure is not None:
                    raise self._failure
            except StuckError as error:
                self.notice(str(error))
            finally:
                for trouble in self.loop.troubles:
                    self.notice(f"{trouble.get('message')}: {trouble.get('exception')!r}")
                self._take_down()
        return self.history

    def notice(self, what: str) -> None:
        """Something should not be."""
        self.note(Noticed(self.now(), what))

    async def _main(self) -> None:
        for _ in range(self.scenario.engines):
            self._begin(self._life())
        for _ in range(self.scenario.apps):
            self._begin(self._app_life())
        outer = Clients(self, self.chance("meanwhile"))
        clients = [self._begin(outer.sends(number, send)) for number, send in enumerate(self.scenario.sends)]
        clients += [self._begin(work) for place in enumerate(self.scenario.sends) for work in outer.meanwhile(*place)]
        if self.plan.damages:
            clients.append(self._begin(damage.strike(self, self.chance("damage"))))
        if self.plan.storm is not None:
            await self._storm(self.plan.storm)
        self._calm = True
        self.note(Calm(self.now()))
        deadline = self.loop.time() + self.scenario.patience
        while not (self._all_ended() and all(client.done() for client in clients)):
            if self.loop.time() > deadline:
                self.notice(f"not over {self.scenario.patience} s after the calm, with {self.boundaries} transactions")
                break
            self._deploy()
            await asyncio.sleep(0.2)
        self._closing = True
        for process in list(self._alive):
            with contextlib.suppress(GoneError):
                await process.stop()

    def _take_down(self) -> None:
        self._over = True
        self.loop.end()
        for process in self._processes:
            process.dead = True
            process.database.abandon()
            process.threads.abandon()
        for app in self._served:
            app.abandon()

    def _all_ended(self) -> bool:
        state = self.history.state
        timers = [row for (kind, _), row in state.timers.items() if kind in PENDING and row["due_at"] != NEVER]
        soon = max((process.clock.now() for process in self._alive), default=0) + SOON
        ticks = any(kind == "cron" and int(str(row["due_at"])) < soon for (kind, _), row in state.timers.items())
        # Slots of a process that died are given back by the next one.
        left = state.unfinished or timers or ticks or state.kept_slots
        if self.scenario.answers and any(not one.done() for one in self._network.late):
            return False  # it may begin a run
        return not left and self.now() >= 1000 * self._lasts

    def _deploy(self) -> None:
        """A run is on hold: a process is stopped, and the next one has other code."""
        if not self._alive or self.loop.time() < self._deployed_at + DEPLOYS_EVERY:
            return
        held = [
            run for key in self.history.state.unfinished if hold_of(run := self.history.state.runs[key]) is not None
        ]
        if any(run["function_id"] in self._deployed for run in held):
            self._deployed_at = self.loop.time()
            self._begin(quietly(self.faults.choice(self._alive).stop()))

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self.loop.create_task(work)
        task.add_done_callback(self._ended)
        self._background.append(task)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error

    # -- processes

    async def _life(self) -> None:
        """A process, and another one whenever it ends."""
        while not self._closing:
            process = self._born()
            try:
                await process.start(self._cuts_start())
            except (GoneError, StoreError) as error:
                why = str(error).replace(str(self.path.parent), "")  # each world has a folder of its own
                await asyncio.sleep(UNWINDING)
                process.could_not_start(why)
            else:
                self._alive.append(process)
                await process.gone
            await asyncio.sleep(self.faults.choice(self.scenario.rests))

    def _cuts_start(self) -> int | None:
        """After how many microseconds a start is cut short, if it is."""
        storm = self.plan.storm
        if storm is None or self._calm or self._starts.random() >= storm.cut:
            return None
        return self._starts.randrange(8 * self._pace[2])

    async def _witness(self) -> None:
        """A process that is there for a while: somebody must declare dead who seems to be."""
        process = self._born()
        with contextlib.suppress(GoneError, StoreError):
            await process.start()
            self._alive.append(process)
            await asyncio.sleep(self.faults.choice((0.5, 3.0)))
            await process.stop()

    def _born(self) -> Process:
        number = len(self._processes) + len(self._served)
        skew = self.faults.randint(-self.plan.skew, self.plan.skew)
        chance = self.chance(f"process {number}")
        if self.scenario.apps:
            carrier = KeepingCarrier(self._network) if self.scenario.kept else SimCarrier(self._network)
            process = carrier.process = Process(self, number, (), skew, chance, carrier)
        else:
            process = Process(self, number, self.functions(number), skew, chance)
        if skew:
            self.fired(Fault.SKEW, process)
        self._processes.append(process)
        return process

    def functions(self, version: int, client: inngest.Inngest | None = None) -> list[Function[Any]]:
        """The code of a process; what is changed in it may depend on how many processes there were."""
        client = client or inngest.Inngest(app_id=APP, is_production=False)
        return [one for program in self.scenario.programs for one in program.make(client, self._outside, version)]

    def died(self, process: Process) -> None:
        """A process is gone."""
        if process in self._alive:
            self._alive.remove(process)

    async def someone(self) -> Process:
        """An engine that can be asked something, once there is one that knows all functions."""
        while not self._alive or not self._known():  # noqa: ASYNC110 - a look costs nothing in virtual time
            await asyncio.sleep(0.05)
        return self.faults.choice(self._alive)

    # -- apps

    async def _app_life(self) -> None:
        """An app, and another one whenever it ends."""
        while not self._closing:
            number = len(self._processes) + len(self._served)
            app = self._app(number, self.chance(f"app {number}"))
            self._served.append(app)
            self._serving.append(app)
            with contextlib.suppress(GoneError):
                await app.register()
            await app.gone
            await asyncio.sleep(self.faults.choice(AWAY if app.stays_away else self.scenario.rests))

    def _app(self, number: int, chance: random.Random) -> Served:
        if self.scenario.answers:
            return EndpointApp(self, number, self.scenario.programs, chance, self._outside.pause)
        return App(self, number, lambda client: self.functions(number, client), chance)

    def _known(self) -> bool:
        programs = [program for program in self.scenario.programs if not program.script]
        names = (f"{APP}-{name}" for program in programs for name in program.ends)
        return not self.scenario.apps or all(name in self.history.state.functions for name in names)

    def endpoint_app(self) -> EndpointApp | None:
        """An app with endpoints that lives."""
        found = [app for app in self._serving if isinstance(app, EndpointApp)]
        return self._asking.choice(found) if found else None

    def apps(self) -> Sequence[Served]:
        """Those that live."""
        return self._serving

    def engines(self) -> Sequence[Process]:
        """Those that can be asked something."""
        return self._alive

    def server_of(self, app: Served) -> SimServer:
        """The way from an app to the engines."""
        return SimServer(self._network, app)

    def app_died(self, app: Served) -> None:
        """An app is gone."""
        self._serving.remove(app)

    def line(self) -> float:
        """How likely it is by now that something happens to what crosses the network."""
        return 0.0 if self.plan.storm is None or self._calm else self.plan.storm.line

    def keeps(self) -> bool:
        """Whether a connection is kept as a call leaves."""
        return self._kept.random() < self.scenario.kept

    def doubles(self) -> bool:
        """Whether a checkpoint comes twice at a time."""
        storm = self.plan.storm
        found = storm is not None and not self._calm and self._doubled.random() < storm.doubled
        if found:
            self.fired(Fault.CHECKPOINT_DOUBLED, None)
        return found

    # -- faults

    async def _storm(self, storm: Storm) -> None:
        end = self.loop.time() + storm.lasts
        while True:
            await asyncio.sleep(self.faults.expovariate(1 / storm.every))
            if self.loop.time() >= end:
                return
            if self._alive:
                kind = self.faults.choice(storm.kinds)
                if kind in OF_APPS:
                    self._strike_app(kind)
                else:
                    self._strike(kind, self.faults.choice(self._alive))

    def _strike_app(self, fault: Fault) -> None:
        """An app ends, unless a run would fail by that: its last attempt is under way there."""
        found = [app for app in self._serving if not app.is_indispensable]
        if not found:
            return
        app = self.faults.choice(found)
        app.stays_away = fault is Fault.APP_AWAY
        self.fired(fault, app)
        app.crash()

    def _strike(self, fault: Fault, process: Process) -> None:
        chance = self.faults
        if fault is Fault.STOP:
            self._begin(quietly(process.stop()))
        elif fault is Fault.PAUSE:
            process.pause(chance.randint(10_000, 5_000_000))
        elif fault is Fault.ZOMBIE:
            process.locks.lose()
            self._begin(self._witness())
            if chance.random() < 0.5:
                process.pause(chance.randint(10_000, 1_000_000))
        elif fault is Fault.STEP_OF_CLOCK:
            step = 2_000 if self.plan.storm is None else self.plan.storm.step
            process.clock.skew += chance.randint(-step, step)
        elif fault is Fault.WALL_SET:
            self.wall = chance.randint(-HOURS, HOURS)
        elif fault is Fault.TORN:
            process.tear_down()
        elif fault is Fault.LOCKED_OUT:
            process.lock_out = chance.randint(1, 40)
        self.fired(fault, process)
        if fault is Fault.CRASH_ANYWHERE:
            process.crash(fault.value)

    def boundary(self) -> tuple[int, Fault | None]:
        """The number of a commit that is to be made, and what is to happen at it."""
        number = self.boundaries
        self.boundaries += 1
        if number >= self.scenario.transactions:
            self.loop.give_up(f"{number} transactions")
        fault = self.plan.at.get(number)
        storm = self.plan.storm
        if fault is None and storm is not None and not self._calm and self.faults.random() < storm.at_commit:
            fault = self.faults.choice(AT_COMMIT)
        if fault is None and storm is not None and not self._calm:
            drawn = self._troubles.random()
            if drawn < storm.full:
                fault = Fault.FULL
            elif drawn < storm.full + storm.unanswered:
                fault = Fault.UNANSWERED
            elif drawn < storm.full + storm.unanswered + storm.away:
                fault = Fault.AWAY
        return number, fault

    def finds_busy(self, process: Process) -> bool:
        """Whether a transaction that begins finds the database busy."""
        storm = self.plan.storm
        found = storm is not None and not self._calm and self.faults.random() < storm.busy
        if found:
            self.fired(Fault.BUSY, process)
        return found

    def moves_away(self, process: Process, us: int) -> None:
        """The files are moved away for a while."""
        self.fired(Fault.AWAY, process)
        self.away_until = self.now() + us
        self.note(Away(self.now(), self.away_until))

    def repeats(self, process: Process) -> bool:
        """Whether a record comes twice."""
        storm = self.plan.storm
        found = storm is not None and not self._calm and self._troubles.random() < storm.repeated
        if found:
            self.fired(Fault.REPEATED, process)
        return found

    def deafens(self, process: Process) -> Fault | None:
        """Whether a look at what others wrote sees nothing, or sees it the next time."""
        storm = self.plan.storm
        if storm is None or self._calm or self.faults.random() >= storm.deaf:
            return None
        return self.faults.choice((Fault.DEAF, Fault.LATE))

    def killed_by_step(self, process: Actor) -> None:
        """A handler ends its process."""
        assert isinstance(process, Process)
        self.fired(Fault.CRASH_BY_STEP, process)
        process.crash(Fault.CRASH_BY_STEP.value)

    # -- what others ask

    def fired(self, fault: Fault, process: Hosted | None) -> None:
        """A fault happens."""
        self.fired_count[fault] += 1
        self.note(Fired(self.now(), fault, None if process is None else process.number))

    def note(self, entry: Entry) -> None:
        """Something happened."""
        if not self._over:
            self.history.note(entry)

    def now(self) -> int:
        """Microseconds since the world began."""
        return self.loop.now_us

    def owner(self) -> tuple[str, str]:
        """Token and run of the invocation that the caller belongs to."""
        token, _, run_id = (STRAND.get() or "").partition(" ")
        return token, run_id

    def latency(self) -> int:
        """Microseconds that a read, a write or an answer takes."""
        return self._latencies.choice(self._pace)
