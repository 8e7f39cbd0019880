"""HTTP requests of steps (`step.fetch`, `step.ai.infer`) are made: claim, send, judge, answer."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from inngest.protocol.http import HttpError, HttpRequest, HttpResponse
from inngest.protocol.opcodes import Arrival
from inngest.protocol.requests import Request, Secrets
from inngest.runtime.careful import CarefulLogger, about_run

from .domain.backoff import retry_delay
from .domain.hosts import Hosts
from .domain.model import FailedAttempt, Verdict
from .errors import StoreError
from .records import Circle, ClaimedRequest, RequestAttempt, RequestClaims, RequestKey
from .wake_ports import News
from .worker_context import WorkerContext

T = TypeVar("T")

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

AT_A_TIME = 192
"""Requests that a worker makes at a time, half of them to one host (`Hosts`); others wait in the store, where other
workers find them. Each is a connection, and some systems give a process no more than 256 files."""


class Gateway:
    """Makes requests of steps.

    Args:
        worker: whose requests.
        at_a_time: how many it makes at a time.
        wake: called when there may be something to claim.
    """

    def __init__(self, worker: WorkerContext, at_a_time: int, wake: Callable[[], None]) -> None:
        self._worker = worker
        self._at_a_time = at_a_time
        self._wake = wake
        self._secrets: dict[str, dict[str, Secrets]] = {}  # by run and step: they are nowhere else
        self._sending: dict[str, dict[str, asyncio.Task[None]]] = {}  # until there is an answer
        self._tasks: dict[asyncio.Task[None], str] = {}  # with their hosts; in order, so that a simulation repeats
        self._waiting = False  # whether some are due that must wait for places
        self._told = False  # that some wait, to other workers
        self._circle = Circle()
        self.next_due: int | None = 0  # when the next falls due, as far as is known
        self.draining = False
        self.fenced = False  # this worker was declared dead

    @property
    def room(self) -> int:
        """How many more may be made."""
        return 0 if self.draining else self._at_a_time - len(self._tasks)

    # -- what happens to steps

    def asked(self, run_id: str, secrets: Mapping[str, Secrets | None]) -> None:
        """Steps of a run asked for requests."""
        for hashed, secret in secrets.items():
            if secret:
                self._secrets.setdefault(run_id, {})[hashed] = secret
        if secrets:
            self.request_claim()

    def knows(self, run_id: str, hashed: str) -> bool:
        """Whether this worker holds the credentials of a request, or makes it."""
        return hashed in self._secrets.get(run_id, ()) or hashed in self._sending.get(run_id, ())

    def has_any_of(self, run_ids: Collection[str]) -> bool:
        """Whether this worker holds credentials of requests of these runs, or makes some."""
        return any(run_id in self._secrets or run_id in self._sending for run_id in run_ids)

    def over(self, run_id: str, hashes: Sequence[str] | None = None) -> None:
        """Nobody waits for these any more."""
        if not self._secrets and not self._sending:
            return
        if hashes is None:
            hashes = [*self._secrets.get(run_id, ()), *self._sending.get(run_id, ())]
        for hashed in hashes:
            _forget(self._secrets, run_id, hashed)
            sending = _forget(self._sending, run_id, hashed)
            if sending is not None:
                sending.cancel()

    def renewed(self) -> None:
        """This worker has a new session: what the old one had is others'."""
        for run_id in (*self._secrets, *self._sending):
            self.over(run_id)
        self.fenced = False
        self.request_claim()

    def request_claim(self) -> None:
        """There may be something to make."""
        self.next_due = self._worker.clock.now()
        self._wake()

    async def check_ownership(self, session: str) -> None:
        """See what others did to the requests that this worker has."""
        secrets, sending = list(_all(self._secrets)), list(_all(self._sending))
        if not secrets and not sending:
            return
        left = set(await self._worker.store.requests_of(session))
        # Only what is still the same: since it was looked for, it may have been answered, and be under way once more.
        for key, secret in secrets:
            if key not in left and self._secrets.get(key.run_id, {}).get(key.hash) is secret:
                _forget(self._secrets, *key)
        for key, task in sending:
            if key not in left and self._sending.get(key.run_id, {}).get(key.hash) is task:
                _forget(self._sending, *key)
                task.cancel()

    # -- making them

    async def run_once(self, session: str, now: int) -> None:
        """Claim what is due, as far as there is room, and begin it."""
        self.next_due, self._waiting = None, True  # what is answered meanwhile makes room, too
        if self.room <= 0:
            return  # whoever makes room looks again
        hosts = Hosts(self._at_a_time, Counter(self._tasks.values()))
        found = await self._worker.store.due_requests(session, hosts, now, self._circle)
        claims = RequestClaims((), missed=False)
        if found.keys:
            claims = await self._worker.store.claim_requests(session, found.keys, now)
        self.fenced = claims.fenced
        for held in claims.requests:
            self._begin(held, session)
        asked_again = self.next_due is not None
        # Who is asked again goes all around again, from where this look came to.
        self._circle = Circle(found.circle.after) if asked_again else found.circle
        self._waiting = found.waiting
        if found.waiting and not self._told:  # others may have places for them
            self._worker.store.tell(News(requests=True))
        self._told = found.waiting
        dues = [self.next_due, found.next_due, now if claims.missed or found.circle.until is not None else None]
        self.next_due = min((due for due in dues if due is not None), default=None)

    def _begin(self, held: ClaimedRequest, session: str) -> None:
        if self.draining:
            return  # it goes back with the session
        task = asyncio.get_running_loop().create_task(self._make(held, session))
        self._tasks[task] = held.host
        self._sending.setdefault(held.key.run_id, {})[held.key.hash] = task
        task.add_done_callback(lambda task: self._done(task, held.key.run_id))

    def _done(self, task: asyncio.Task[None], run_id: str) -> None:
        self._tasks.pop(task, None)
        if self._waiting:
            self.request_claim()
        if not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, StoreError):
                LOGGER.debug("the answer to a request cannot be written here: %s", error, extra=about_run(run_id))
            else:
                LOGGER.error("a request of a step: %s", error, exc_info=error, extra=about_run(run_id))

    async def _make(self, held: ClaimedRequest, session: str) -> None:
        """One attempt: send it, then write what became of it."""
        began_at = self._worker.clock.now()
        answered = await self._attempt(held, session, began_at)
        self._sent(held.key, final=answered.arrival is not None)
        await self._worker.store.answer_request(answered)
        if answered.arrival is None:
            self._falls_due(answered.due_at)

    def _sent(self, key: RequestKey, *, final: bool) -> None:
        """There is an answer: from now on nothing takes it back."""
        _forget(self._sending, *key)
        if final:
            _forget(self._secrets, *key)

    def _falls_due(self, due_at: int) -> None:
        if self.next_due is None or due_at < self.next_due:
            self.next_due = due_at
        self._wake()

    async def _attempt(self, held: ClaimedRequest, session: str, began_at: int) -> RequestAttempt:
        from .domain import gateway  # noqa: PLC0415 - most workers make no request

        request = Request.from_json(held.request)
        secrets = self._secrets.get(held.key.run_id, {}).get(held.key.hash)
        try:
            if held.secret and secrets is None:
                raise HttpError("its credentials are not known here any more")
            response = await self._send(gateway.prepared(held.kind, request, secrets))
            verdict = gateway.answered(held.kind, request, response, self._worker.clock.now())
        except HttpError as error:
            verdict = gateway.unanswered(held.kind, request, str(error), retriable=error.retriable)
        except Exception as error:
            LOGGER.exception("a request of run %s broke", held.key.run_id, extra=about_run(held.key.run_id))
            reason = f"{type(error).__name__}: {error}"
            verdict = gateway.unanswered(held.kind, request, reason, retriable=True)
        return self._judged(held, session, began_at, verdict)

    def _judged(self, held: ClaimedRequest, session: str, began_at: int, verdict: Verdict) -> RequestAttempt:
        """The record of it: the result, or when there is another attempt."""
        now = self._worker.clock.now()
        attempt, key, error = held.attempt, held.key, verdict.error
        failed = None if error is None else FailedAttempt(key.hash, attempt, began_at, now, error)
        if verdict.retriable and attempt < held.retries:
            delay = retry_delay(
                attempt,
                jitter=self._worker.ids.random(),
                interval=self._worker.policy.retry_interval,
                retry_after=verdict.retry_after,
            )
            return RequestAttempt(session, key, attempt, None, now + delay, failed, now)
        if verdict.data is not None:
            error = failed = None  # what would have been tried again is the result after all
        arrival = Arrival(key.run_id, key.hash, verdict.data, error, now, attempt, began_at, verdict.metadata)
        return RequestAttempt(session, key, attempt, arrival, now, None, now)

    async def _send(self, request: HttpRequest) -> HttpResponse:
        """Send it, for as long as it may take by the monotonic clock."""
        sending = asyncio.get_running_loop().create_task(self._worker.http.send(request))
        sending.add_done_callback(_seen)
        timer = self._worker.clock.call_after(request.timeout, sending.cancel)
        try:
            await asyncio.wait([sending])
        finally:
            timer.cancel()
            if not sending.done():
                sending.cancel()
                await asyncio.wait([sending])
        if sending.cancelled():
            raise HttpError(f"no answer within {request.timeout / 1000:g} s")
        return sending.result()

    # -- stopping

    async def drain(self, timeout: float) -> None:
        """Claim nothing more, and wait for the answers to what was sent; what is not there in time is taken back."""
        self.draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout)
        self.abandon()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """Requests that are under way."""
        return self._tasks

    def abandon(self) -> None:
        """Take back what was sent."""
        for task in self._tasks:
            task.cancel()


def _all(known: Mapping[str, Mapping[str, T]]) -> Iterator[tuple[RequestKey, T]]:
    for run_id, of_run in known.items():
        for hashed, one in of_run.items():
            yield RequestKey(run_id, hashed), one


def _forget(known: dict[str, dict[str, T]], run_id: str, hashed: str) -> T | None:
    of_run = known.get(run_id, {})
    gone = of_run.pop(hashed, None)
    if not of_run:
        known.pop(run_id, None)
    return gone


def _seen(sending: asyncio.Task[HttpResponse]) -> None:
    """A failure after it was given up is nobody's news: asyncio would tell of an exception nobody asked for."""
    if not sending.cancelled():
        sending.exception()
