"""The remote invoker: a run of an app is one conversation, in which this worker makes all calls that the run needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import NamedTuple

from inngest.engine.domain.model import FunctionSpec, Transport
from inngest.engine.domain.remote import DISCOVERY, RemoteStep
from inngest.engine.domain.waiting_facts import Handler
from inngest.protocol.calls import Advice, Call, Failed, Outcome, Yielded
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.wire import responses
from inngest.protocol.wire.responses import Reply, ReplyKind
from inngest.runtime.ports import Clock, Ids

from .bodies import Bodies
from .endpoint_calls import EndpointCalls, NoRequestError
from .places import CallPlaces, Origins, origin_of
from .ports import BriefCarrier, Broken, Carried, Carrier, Conversation, Doubtful, NotDelivered, RawAnswer

SOON = 100
"""Milliseconds for which a run is kept while no call is under way: what falls due by then goes on without a claim."""

BRIEFLY = 1_000
"""The same after a discovery that brought nothing: who takes the run over does not know how many did."""


class RemoteInvoker:
    """Calls functions of apps.

    Args:
        carrier: carries the calls.
        clock: the engine's time.
        ids: for ids of requests.
        signing_key: which calls are signed with; "" if none are.
        places: how many calls may be under way; None: as many as usual.
    """

    def __init__(
        self, carrier: Carrier, clock: Clock, ids: Ids, signing_key: str = "", places: CallPlaces | None = None
    ) -> None:
        self.carrier = carrier
        self.brief = carrier if isinstance(carrier, BriefCarrier) else None
        self.clock = clock
        self.ids = ids
        self.places = CallPlaces() if places is None else places
        self.origins = Origins(clock, self._reachable)
        self._key = signing_key
        self._talks: dict[str, _Talk] = {}  # by run
        self._calls: dict[asyncio.Future[None], None] = {}  # under way; in order, so that a simulation repeats
        self._watching: Callable[[], object] = lambda: None
        self._answered: set[str] = set()  # names of apps that are known to be there
        self._away: Callable[[FunctionSpec, str], object] = lambda _function, _why: None
        self._back: Callable[[str], object] = lambda _app_id: None

    def watch(
        self,
        reachable: Callable[[], object],
        away: Callable[[FunctionSpec, str], object],
        back: Callable[[str], object],
    ) -> None:
        """Have others told, on the loop, of apps that cannot be reached.

        Args:
            reachable: called when calls may leave that could not before.
            away: called with the function that was to be called, and why its app could not be reached, each time.
            back: called with the name of an app as it answers for the first time, and after it was away.
        """
        self._watching, self._away, self._back = reachable, away, back

    def answered(self, function: FunctionSpec) -> None:
        """The app of a function has been reached."""
        self.origins.answered(function.url)
        if function.app_id not in self._answered:
            self._answered.add(function.app_id)
            self._back(function.app_id)

    def undelivered(self, function: FunctionSpec, reason: str) -> bool:
        """It has not; whether that has been so for so long that it is a failed attempt."""
        self._answered.discard(function.app_id)
        given_up = self.origins.undelivered(function.url)
        self._away(function, f"{origin_of(function.url)}: {reason}")
        return given_up

    @property
    def handlers(self) -> Sequence[Handler]:
        """The calls that apps have not answered; those for steps by their names."""
        return [handler for talk in self._talks.values() for handler in talk.handlers()]

    @property
    def has_one_run(self) -> bool:
        """Whether no other run of an app goes on here than the one that asks."""
        return len(self._talks) == 1

    def _reachable(self) -> None:
        self._watching()

    async def invoke(self, call: Call, run: Conversation) -> Outcome:
        """Make all calls that a run needs, until it is over, or waits for longer than a moment.

        Being cancelled, it closes the connections of calls that are under way. Calls of a run that is over, or lost, go
        on: their answers are dropped, and their slots are given back then.
        """
        try:
            bodies = EndpointCalls(call, run, self._key) if _is_endpoint(run) else Bodies(call, run, self._key)
        except NoRequestError as error:
            return Failed(ErrorInfo("NoRequestError", str(error)), retriable=False)
        talk = _Talk(self, run, bodies)
        self._talks[call.run_id] = talk
        try:
            return await talk.hold()
        except GeneratorExit:  # its loop is gone
            raise
        except BaseException:
            await talk.hang_up()
            raise
        finally:
            talk.call_off()
            if self._talks.get(call.run_id) is talk:  # else it lost the run, and this worker has taken it up again
                del self._talks[call.run_id]

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """The work of calls that are under way, or wait for a place."""
        return [call for call in self._calls if isinstance(call, asyncio.Task)]

    def start(self, call: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """A call begins."""
        task = asyncio.get_running_loop().create_task(call)
        self.flies(task)
        return task

    def flies(self, call: asyncio.Future[None]) -> None:
        """A call is under way, until this is done."""
        self._calls[call] = None
        call.add_done_callback(lambda call: self._calls.pop(call, None))

    def yield_run(self, run_id: str) -> None:
        """Make no more calls for a run; it is let go when those that are under way are answered."""
        talk = self._talks.get(run_id)
        if talk is not None:
            talk.stop()

    def wake(self, run_id: str) -> None:
        """Something has become of a run: it was lost, or what one of its steps waits for has come."""
        talk = self._talks.get(run_id)
        if talk is not None:
            talk.awake.set()

    async def close(self) -> None:
        """Close the connections of all calls that are under way."""
        self.origins.close()
        calls = list(self._calls)
        for task in calls:
            task.cancel()
        if calls:
            await asyncio.wait(calls)
        await self.carrier.close()


class _Answer(NamedTuple):
    """The end of a call."""

    target: str
    left_at: int  # unix ms
    carried: Carried | None  # None: it did not leave


class _Talk:
    """All calls of one run while this worker owns it.

    Args:
        invoker: whose.
        run: the run.
        bodies: makes its calls.
    """

    def __init__(self, invoker: RemoteInvoker, run: Conversation, bodies: Bodies | EndpointCalls) -> None:
        self._invoker = invoker
        self._run = run
        self._bodies = bodies
        self._flying: dict[str, asyncio.Future[None]] = {}  # by target; or they wait for a place, or a slot
        self._left: dict[str, tuple[int, int]] = {}  # of those that have left: attempt, and when (unix ms), by target
        self._answers: list[_Answer] = []  # that were not reported yet
        self._broken: BaseException | None = None  # what a call has raised
        self._stopping = False
        self.awake = asyncio.Event()

    def stop(self) -> None:
        """Make no more calls."""
        self._stopping = True
        self.awake.set()

    async def hold(self) -> Outcome:
        """Make the calls that are due, and report their answers, until there is nothing more to do soon."""
        run = self._run
        run.take_up()
        while True:
            self.awake.clear()
            self._report()
            failure = run.wake()
            if failure is not None:
                return failure
            advice = await run.settled()
            if advice is Advice.STOP:
                return Yielded()
            if self._answers:
                continue  # they have come meanwhile
            soon = self._begin_due(going_on=advice is Advice.GO_ON and not self._stopping)
            if soon is None and not self._flying:
                return Yielded()
            await self._sleep(soon)

    def _begin_due(self, *, going_on: bool) -> int | None:
        """Begin the calls that are due; when to look again, if that is worth staying for."""
        run, now = self._run, self._invoker.clock.now()
        if not going_on:
            return None
        due = run.due(self._flying.keys())
        closed_until = self._invoker.origins.closed_until(run.function.url) if due.calls else None
        if closed_until is not None:
            run.not_before = closed_until
        else:
            for step in due.calls:
                if not self._sends_at_once(step):
                    self._flying[step.target] = self._invoker.start(self._call(step))
        soon = min((time for time in (due.wake_at, closed_until) if time is not None), default=None)
        if soon is None or (not self._flying and soon > now + (BRIEFLY if run.is_idle else SOON)):
            return None
        return soon

    def _sends_at_once(self, step: RemoteStep) -> bool:
        """Send a discovery, if it need not wait for a place, a slot or a connection; whether it was.

        It comes after all that was decided is committed.
        """
        invoker, run = self._invoker, self._run
        app_id, brief = run.function.app_id, invoker.brief
        if brief is None or step.target != DISCOVERY or run.slots is not None or not invoker.places.take_now(app_id):
            return False
        left_at, flight = invoker.clock.now(), asyncio.get_running_loop().create_future()

        def told(carried: Carried) -> None:
            if not flight.done():
                flight.set_result(None)
                over(carried)

        def over(carried: Carried | None) -> None:
            invoker.places.give(app_id)
            self._landed(_Answer(step.target, left_at, carried))

        try:
            hang_up = brief.begin(self._bodies.of(step, invoker.ids.ulid(left_at), left_at), told)
        except BaseException:
            flight.cancel()  # nobody is told any more
            invoker.places.give(app_id)
            raise
        if hang_up is None:
            invoker.places.give(app_id)
            return False

        def ended(flight: asyncio.Future[None]) -> None:
            if flight.cancelled():
                hang_up()
                over(None)

        flight.add_done_callback(ended)
        invoker.flies(flight)
        self._flying[step.target] = flight
        self._leaves(step, left_at)
        return True

    async def _call(self, step: RemoteStep) -> None:
        """One call, when there are a place and a slot for it."""
        answer = _Answer(step.target, 0, None)
        try:
            answer = await self._carried(step)
        except Exception as error:  # the engine's own code
            self._broken = error
        finally:
            self._landed(answer)

    def _landed(self, answer: _Answer) -> None:
        """A call is over."""
        try:
            answer = self._judged(answer)
        except Exception as error:  # the engine's own code
            self._broken = error
        self._flying.pop(answer.target, None)
        self._left.pop(answer.target, None)
        self._answers.append(answer)
        self.awake.set()

    def _leaves(self, step: RemoteStep, left_at: int) -> None:
        self._run.leaves(step.target)
        self._left[step.target] = step.attempt, left_at
        self._invoker.origins.leaves(self._run.function.url)

    def _judged(self, answer: _Answer) -> _Answer:
        """An answer, when it is known whether its app could be reached."""
        invoker, carried = self._invoker, answer.carried
        if carried is None:
            return answer
        if not isinstance(carried, NotDelivered):
            invoker.answered(self._run.function)
        elif invoker.undelivered(self._run.function, carried.reason):
            return answer._replace(carried=Broken(f"the app could not be reached for a day: {carried.reason}"))
        return answer

    async def _carried(self, step: RemoteStep) -> _Answer:
        invoker, run = self._invoker, self._run
        app_id, slots = run.function.app_id, run.slots
        await invoker.places.take(app_id)
        try:
            if slots is not None:
                await slots.take()
            try:
                return await self._send(step)
            finally:
                if slots is not None:
                    slots.give()
        finally:
            invoker.places.give(app_id)

    async def _send(self, step: RemoteStep) -> _Answer:
        invoker, run = self._invoker, self._run
        url, others = run.function.url, self._flying.keys() - {step.target}
        left_at = invoker.clock.now()
        if run.is_over or self._stopping or step.target not in [one.target for one in run.due(others).calls]:
            return _Answer(step.target, left_at, None)  # it waited, and is not wanted any more
        if (closed_until := invoker.origins.closed_until(url)) is not None:
            run.not_before = closed_until
            return _Answer(step.target, left_at, None)
        run.begins(step.target)
        # What was decided meanwhile is told when it is committed.
        if await run.settled() is Advice.STOP or not run.is_wanted(step.target):
            return _Answer(step.target, left_at, None)
        left_at = invoker.clock.now()
        call = self._bodies.of(step, invoker.ids.ulid(left_at), left_at)
        self._leaves(step, left_at)
        return _Answer(step.target, left_at, await invoker.carrier.carry(call))

    def _report(self) -> None:
        if self._broken is not None:
            raise self._broken
        answers, self._answers = self._answers, []
        for target, left_at, carried in answers:
            if carried is None:
                continue
            if isinstance(carried, NotDelivered):
                self._run.came_back(target)
                continue
            if isinstance(carried, Doubtful):
                if self._run.doubted(target):
                    continue
                carried = Broken(carried.reason)
            self._run.report(target, left_at, _reply(carried, self._invoker.clock.now()))

    def handlers(self) -> Sequence[Handler]:
        """Its calls that have left, as those who look from elsewhere are told of handlers."""
        run = self._run
        return [
            Handler(run.run_id, run.step_of(target), attempt, since) for target, (attempt, since) in self._left.items()
        ]

    def call_off(self) -> None:
        """Calls that have not left do not leave any more."""
        for target, task in self._flying.items():
            if target not in self._left:
                task.cancel()

    async def hang_up(self) -> None:
        """Close the connections of all its calls."""
        calls = list(self._flying.values())
        for task in calls:
            task.cancel()
        if calls:
            await asyncio.wait(calls)

    async def _sleep(self, until: int | None) -> None:
        timer = None if until is None else self._invoker.clock.call_at(until, self.awake.set)
        try:
            await self.awake.wait()
        finally:
            if timer is not None:
                timer.cancel()


def _is_endpoint(run: Conversation) -> bool:
    return run.function.transport is Transport.API


def _reply(carried: RawAnswer | Broken, now: int) -> Reply:
    """The meaning of an answer; a call without one has failed, and nobody knows how far it came."""
    if isinstance(carried, Broken):
        return Reply(ReplyKind.BROKEN, error=ErrorInfo("ConnectionError", carried.reason))
    return responses.read(carried.status, carried.headers, carried.body, now)
