"""Apps that serve functions: what they register, and what their code records while a call goes on."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from inngest.protocol import texts
from inngest.protocol.calls import Advice, Recorded
from inngest.protocol.limits import RETRY_AFTER_MAX
from inngest.protocol.opcodes import Op
from inngest.protocol.wire.registration import Registration
from inngest.runtime.careful import CarefulLogger

from .domain import registration
from .domain.model import App, FunctionSpec, Registry
from .domain.registration import Problem
from .endpoints import Endpoints
from .errors import StoreError
from .executor import RunExecutor
from .invokers.places import origin_of
from .records import COUNTED, Archived, Checkpoint
from .worker_context import WorkerContext

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

INVALID = "At least one function is invalid"

TOLD = 10
"""Functions that an app registers without which are told one by one."""


class Registered(NamedTuple):
    """The result of a registration."""

    app: App
    modified: bool = False  # something is another than before
    problems: Sequence[Problem] = ()  # why nothing was registered

    @property
    def error(self) -> str:
        """Why nothing was registered, in one text; "" if it was."""
        text = f"{INVALID}: {'; '.join(map(str, self.problems))}" if self.problems else ""
        return texts.escaped(text.replace("\0", "\\0"))


class Apps:
    """The registry of apps.

    Args:
        worker: has the store and the clock.
        executor: has the runs that this worker owns.
        changed: awaited when functions have changed: this worker drives them from now on.

    Attributes:
        endpoints: runs that apps begin in requests of their own.
    """

    def __init__(self, worker: WorkerContext, executor: RunExecutor, changed: Callable[[], Awaitable[object]]) -> None:
        self._worker = worker
        self._executor = executor
        self._changed = changed
        self.endpoints = Endpoints(worker, executor, changed)
        self._urls: dict[str, list[str]] = {}  # by app: where it has registered here, the last one last
        self._in_turn: set[str] = set()  # apps of which was said that two deployments replace each other

    async def register(self, given: Registration) -> Registered:
        """Make an app known as it is now, or keep why that failed.

        Raises:
            StoreError: nothing was written.
        """
        store, now = self._worker.store, self._worker.clock.now()
        read = registration.specs(given.app, given.functions)
        app = App(
            name=given.app,
            uuid=str(registration.app_uuid(given.app)),
            url=given.url,
            sdk=given.sdk,
            version=given.version,
            framework=given.framework,
            platform=given.platform,
            checksum=registration.checksum_of(given.app, given.url, read.functions),
        )
        problems = registration.bounded(read.problems)
        if not problems:
            synced = await store.register_app(app, read.functions, now)
            taken = [Problem(one, "id", "another app, or a worker in its own process, has it") for one in synced.taken]
            problems = registration.bounded(taken)
            if not problems:
                if synced.modified:
                    await self._changed()
                _tell_archived(app.name, synced.archived)
                self._executor.begin_work(self._go_on(app.name, read.functions, synced.returned))
                self._warn_of_twins(app)
                return Registered(synced.app, synced.modified)
        failed = Registered(app, problems=problems)
        await store.note_sync_error(app._replace(checksum="", error=failed.error), now)
        return failed

    async def _go_on(self, app: str, functions: Sequence[FunctionSpec], returned: Sequence[str]) -> None:
        """Have runs called at once that waited for their app, or for functions that it did not have."""
        worker, now = self._worker, self._worker.clock.now()
        with contextlib.suppress(StoreError):  # they go on at their times
            if app in await worker.store.apps_away(now):
                await self._executor.remote.go_on(app, now)
            if returned:  # what they have answered meanwhile were failed attempts: the next one is made now
                latest = now + max(RETRY_AFTER_MAX, worker.policy.retry_interval or 0)
                await self._executor.remote.retry(returned, latest, now)
                self._executor.request_claim()
        if worker.remote is not None:
            for url in {origin_of(one.url): one.url for one in functions}.values():
                worker.remote.origins.registered(url)

    def _warn_of_twins(self, app: App) -> None:
        """Say once that an app registers in turn at two URLs: each deployment replaces the other."""
        urls = self._urls.setdefault(app.name, [])
        if urls and urls[-1] != app.url and app.url in urls and app.name not in self._in_turn:
            self._in_turn.add(app.name)
            LOGGER.warning(
                "app %s registers at %s and at %s in turn, and each takes the place of the other: give one of the two "
                "another app_id, or ask only one of them to register",
                *(app.name, urls[-1], app.url),
            )
        if app.url in urls:
            urls.remove(app.url)
        urls.append(app.url)
        del urls[:-2]

    async def checkpoint(self, run_id: str, generation: int, ops: Sequence[Op]) -> Advice:
        """Record what the code of a run reports while its call goes on. Another worker may own the run.

        Returns:
            STOP if the call is not the run's newest any more, or the run is over.
        """
        worker = self._worker
        here = self._executor.checkpoint(run_id, generation, ops)
        if here is not None:
            return (here if isinstance(here, Recorded) else await here).advice
        asked = Checkpoint(run_id, generation, ops, worker.clock.now(), worker.ids.random())
        if not await worker.store.checkpoint(asked):
            return Advice.STOP
        return Advice.YIELD if self._executor.draining else Advice.GO_ON

    async def failed(self, url: str, error: str) -> None:
        """A sync has failed before anything was registered: nobody answers at a URL, for example."""
        app = App(name=url, uuid=str(registration.app_uuid(url)), url=url, error=error)
        await self._worker.store.note_sync_error(app, self._worker.clock.now())

    async def archive(self, name: str) -> bool:
        """Have nothing start the functions of an app; whether it was not archived before.

        Raises:
            KeyError: there is no such app.
        """
        archived = await self._worker.store.archive_app(name, self._worker.clock.now())
        if archived is None:
            raise KeyError(name)
        await self._changed()
        return archived

    async def listed(self) -> Sequence[App]:
        """All apps, also archived ones, by their names."""
        return await self._worker.store.apps()

    async def functions(self) -> Registry:
        """All functions, of apps and of workers' processes."""
        registry = await self._worker.store.functions(-1)
        assert registry is not None, "no generation is below 0"
        return registry


def tell_moved(moved: Sequence[FunctionSpec], known: Sequence[App]) -> None:
    """Log that functions of apps run in this process from now on.

    Args:
        moved: as their apps served them.
        known: all apps.
    """
    urls = {app.name: app.url for app in known}
    for name in dict.fromkeys(one.app_id for one in moved):
        ids = sorted(one.id for one in moved if one.app_id == name)
        more = f" and {len(ids) - TOLD:,} more" if len(ids) > TOLD else ""
        LOGGER.warning(
            "functions that app %s serves at %s run here from now on: %s%s. To give them back, stop all workers that "
            "have them, and have the app register again, with a PUT to that URL",
            *(name, urls.get(name) or moved[0].url, ", ".join(ids[:TOLD]), more),
        )


def _tell_archived(app: str, archived: Sequence[Archived]) -> None:
    """Log which functions an app does not have any more, the first of them one by one, and what waits for these."""
    for function_id, waiting in sorted(archived, key=lambda one: -one.waiting)[:TOLD]:
        count = f"{waiting:,}{' or more' if waiting >= COUNTED else ''}"
        many = "no run waits" if not waiting else "1 run waits" if waiting == 1 else f"{count} runs wait"
        mend = f": have it register again, or end them with `inngest cancel --function {function_id}`"
        tell = LOGGER.warning if waiting else LOGGER.info
        tell(
            "app %s has registered without its function %s: nothing starts it any more, and %s for it%s",
            *(app, function_id, many, mend if waiting else ""),
        )
    if len(archived) > TOLD:
        LOGGER.warning("app %s has registered without %s more of its functions", app, f"{len(archived) - TOLD:,}")
