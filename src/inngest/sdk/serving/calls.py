"""Calls of functions: the request of a server becomes an entry into a function, and how that ended its answer."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence

from inngest.protocol.calls import Call, Mode
from inngest.protocol.config import Checkpointing
from inngest.protocol.errors import FunctionNotFoundError, QueryParamMissingError, UnknownError
from inngest.protocol.http import HttpError
from inngest.protocol.wire import calls as wire
from inngest.protocol.wire import responses
from inngest.runtime.ports import Threads
from inngest.sdk.client import tracing_of
from inngest.sdk.function import AnyHandler, Client, Function, handlers_of
from inngest.sdk.invocation.enter import FunctionEntry

from .checkpoint import Checkpoints
from .invocation import ServedInvocation
from .messages import JSON_TYPE, Request, Response, Stream, as_json
from .pool import LoopParts, MakesClock, Pool
from .reporting import Reporting
from .server_api import ServerApi
from .settings import Settings
from .streaming import streamed
from .timing import ServerTiming

STATE_TIMEOUT = 30_000
"""Milliseconds until a part of a run's state is there."""


class FunctionCalls:
    """Enters functions.

    Args:
        client: whose checkpointing holds for functions that have none of their own.
        functions: what is served.
        settings: of the endpoint.
        api: of the server.
        common: headers that each answer has, also one that is streamed.
        branch_ended: called in a thread of the endpoint's when it has run a part of a plain function.
        clock: makes the clock of a loop.
        jitter: gives a number from 0 to its argument by chance.
    """

    def __init__(
        self,
        client: Client,
        functions: Sequence[Function[object]],
        settings: Settings,
        api: ServerApi,
        common: Mapping[str, str],
        branch_ended: Callable[[], object] | None,
        clock: MakesClock,
        jitter: Callable[[float], float],
    ) -> None:
        self._handlers = handlers_of(functions)
        self._client = client
        self._settings = settings
        self._api = api
        self._common = common
        self._pool = Pool(settings.threads, branch_ended, clock)
        self._jitter = jitter

    @property
    def threads(self) -> Threads:
        """The endpoint's own threads."""
        return self._pool.threads

    def is_plain(self, request: Request) -> bool:
        """Whether a request calls a plain function."""
        found = self._handlers.get(request.query.get("fnId", ""))
        return request.method == "POST" and found is not None and not inspect.iscoroutinefunction(found[1])

    async def answer(self, request: Request, threads: Threads | None, timing: ServerTiming) -> Response | Stream:
        """The answer to a call, or to a probe.

        Args:
            request: that has come from the server.
            threads: where a plain function runs; None: in threads of the endpoint's, as many as there may be.
            timing: measures its parts.

        Raises:
            BodyInvalidError: it is no call.
            FunctionNotFoundError: its function is not served here.
            QueryParamMissingError: it does not say which function it is for.
            UnknownError: the server does not tell the state of the run.
        """
        query = request.query
        if "probe" in query:
            return _probed(query["probe"])
        if not query.get("fnId"):
            raise QueryParamMissingError("fnId")
        found = self._handlers.get(query["fnId"])
        if found is None:
            raise FunctionNotFoundError(f"function {query['fnId']} not found")
        call = await self._call(request, query, timing)
        entered = self._entered(*found, call, request, threads, timing)
        if self._settings.streams and inspect.iscoroutinefunction(found[1]):
            return streamed(entered, self._common, timing)
        return await entered

    async def _call(self, request: Request, query: Mapping[str, str], timing: ServerTiming) -> Call:
        """The call of a request, with what it has left out."""
        received = wire.decode(request.body, query, request.headers)
        if not received.left_out:
            return received.call
        with timing.part("use_api"):
            run = received.call.run_id
            batch, actions = [await self._state(f"v0/runs/{run}/{part}") for part in ("batch", "actions")]
            return wire.filled(received, batch, actions)

    async def _state(self, path: str) -> bytes:
        try:
            answer = await self._api.send("GET", path, timeout=STATE_TIMEOUT)
        except HttpError as error:
            raise UnknownError(f"the state of the run could not be fetched: {error}") from None
        if answer.status != 200:
            raise UnknownError(f"HTTP error: {answer.status} {answer.content[:500].decode(errors='replace')}")
        return answer.content

    async def _entered(
        self,
        function: Function[object],
        handler: AnyHandler,
        call: Call,
        request: Request,
        threads: Threads | None,
        timing: ServerTiming,
    ) -> Response:
        """Enter the function, as soon as there is a thread for a plain one."""
        parts = self._pool.here
        gate = parts.gate if threads is None and not inspect.iscoroutinefunction(handler) else None
        if gate is not None:
            await gate.acquire()
        call, recorder = self._recorder(function, call, parts)
        tracing = tracing_of(function.client)
        spans = None if tracing is None else tracing.entered(call, function.client.app_id, recorder)
        entry = FunctionEntry(
            function,
            handler,
            call,
            recorder if spans is None else spans,
            parts.clock,
            threads or self._pool.threads,
            parts.idle,
            functools.partial(ServedInvocation, raw_request=request.raw),
        )
        entry.invocation.spans = spans
        try:
            with timing.part("function"):
                outcome = await entry.run()
                await recorder.finish(outcome)
        finally:
            if spans is not None:
                spans.close()
            if gate is not None:
                entry.when_returned(gate.release)
        if recorder.stopped:
            found = responses.stale()
        else:
            found = responses.write(outcome, recorder.ops, call, parts.clock.now())
        return Response(found.status, {"content-type": JSON_TYPE, **found.headers}, found.body)

    def _recorder(
        self, function: Function[object], call: Call, parts: LoopParts
    ) -> tuple[Call, Reporting | Checkpoints]:
        """The call as it is entered, and the recorder of its steps: with checkpoints where the server may know them."""
        options = function.options.checkpointing
        chosen = self._client.checkpointing if options is None else options
        known = call.mode is Mode.REPORT and call.qi_id and call.function_uuid
        if chosen is False or not known or not self._api.has_checkpoints(parts.clock.monotonic()):
            return call, Reporting()
        settings = Checkpointing() if chosen is True else chosen
        return call._replace(mode=Mode.CHECKPOINT), Checkpoints(call, self._api, settings, parts.clock, self._jitter)


def _probed(probe: str) -> Response:
    """The answer to a server that only wants to know whether the app takes its signature."""
    if probe != "trust":
        raise UnknownError(f"unsupported probe: {probe}")
    return as_json(200, None)
