"""The client: what functions belong to, and what sends events."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol, TypeVar, cast, overload

from inngest.protocol import config
from inngest.protocol.calls import Call
from inngest.protocol.opcodes import OpTarget, SentEvent
from inngest.runtime.ports import Recorder, TracedRecorder

from . import environment, event_sender, function_options
from .context import Context, ContextSync
from .errors import EngineBindingError, SendEventsError, TransactionError
from .events import Event, SendEventsResult, batch_of, copies_of, to_sent
from .function import Client, Function, FunctionOptions, MiddlewareFactory, check_handlers, redefines
from .middleware import Hooks, Middleware, MiddlewareSync
from .serializers import Serializer, Unset
from .steps.arguments import sent_signal
from .work import Work, drive, drive_sync

T = TypeVar("T")

DEFAULT_TIMEOUT = 30.0
"""Seconds until an attempt to send events is given up."""

LOGGER = logging.getLogger("inngest")

Handler = Callable[[Context], Awaitable[object]] | Callable[[ContextSync], object]
MiddlewareClass = Callable[..., Middleware | MiddlewareSync]


class EventOutbox(Protocol):
    """Where `send` goes with a connection: into its transaction, of which the outbox is a part."""

    def put(self, events: Sequence[SentEvent], connection: object, *, blocking: bool) -> Work[list[str]]:
        """Store events that are checked, at least one, in the transaction that a connection has under way, or that
        begins with this; their ids in order. `blocking`: in plain code, which can await nothing.

        Raises:
            TransactionError: the connection has none, or is of another database; nothing was stored.
        """
        ...


class EventSink(Protocol):
    """Where `send` goes while an engine runs in this process."""

    @property
    def outbox(self) -> EventOutbox | None:
        """Where it goes with a connection; None if it has none."""
        ...

    async def send_events(self, events: Sequence[SentEvent]) -> list[str]:
        """Store events, with the runs they start, and return their ids (ULIDs) in order."""
        ...

    @property
    def of_this_process(self) -> bool:
        """Whether the engine runs in this process, and not in the one of which this is a fork."""
        ...

    async def send_signal(self, signal: OpTarget) -> str | None:
        """Give a signal to the run that waits for it; that run's id, or None."""
        ...

    def send_signal_sync(self, signal: OpTarget) -> str | None:
        """The same, blocking; from any thread but the engine's loop."""
        ...

    def send_events_sync(self, events: Sequence[SentEvent]) -> list[str]:
        """The same, blocking; from any thread but the engine's loop."""
        ...


class ClientTracing(Protocol):
    """Traces what a client's functions do. A protocol because the SDK of OpenTelemetry may be missing."""

    def sent(self, events: Sequence[SentEvent]) -> Sequence[SentEvent]:
        """Events that are sent now, with the span that is current as their parent."""
        ...

    def entered(self, call: Call, app_id: str, recorder: Recorder) -> TracedRecorder:
        """A function is entered behind HTTP: what its code does is a part of the call's trace until this is closed, and
        what it records goes on to a recorder.
        """
        ...

    def starts(self, engine: object) -> None:
        """An engine of this process starts that runs functions of the client."""
        ...


class FunctionDecorator:
    """The result of `create_function`: turns a handler into a function."""

    def __init__(
        self,
        client: Inngest,
        function_options: FunctionOptions,
        on_failure: Handler | None,
        middleware: Sequence[MiddlewareFactory],
        output_type: object,
    ) -> None:
        self._client = client
        self._options = function_options
        self._on_failure = on_failure
        self._middleware = tuple(middleware)
        self._output_type = output_type

    @overload
    def __call__(self, handler: Callable[[Context], Awaitable[T]]) -> Function[T]: ...

    @overload
    def __call__(self, handler: Callable[[ContextSync], T]) -> Function[T]: ...

    def __call__(self, handler: Handler) -> Function[object]:
        """The function of a handler, async or plain.

        Raises:
            FunctionConfigInvalidError: its failure handler is of the other kind.
        """
        check_handlers(self._options.fn_id, handler, self._on_failure)
        function: Function[object] = Function(
            client=self._client,
            options=self._options,
            handler=handler,
            on_failure=self._on_failure,
            middleware=self._middleware,
            output_type=self._output_type,
        )
        add_function(self._client, function)
        return function


class Inngest:
    """A client.

    Args:
        app_id: name of the app; prefix of every function id.
        app_version: version of the app, shown with it.
        api_base_url: origin of the API.
        checkpointing: of served functions: send results of steps while their code goes on, if the server takes them; by
            default each at once. False: each in an answer.
        env: name of a branch environment.
        event_api_base_url: origin to which events are sent.
        event_key: key for sending events.
        is_production: True for a production server, False for a development one; by default what INNGEST_DEV says.
        logger: where functions log, by `ctx.logger`.
        middleware: classes or factories `(client, raw_request) -> instance`, for all functions and sends.
        outbox: where `send` stores events in transactions of yours, `inngest.Outbox(url)`: in processes in which no
            engine runs with the client's functions. An engine of this process has its own.
        request_timeout: of sending events; milliseconds or timedelta, default 30 s.
        serializer: keeps types that JSON does not have, such as `PydanticSerializer()`.
        signing_key: authenticates a server and this app to each other.

    Raises:
        FunctionConfigInvalidError: an argument is of the wrong kind.
        URLInvalidError: an origin has no domain or port.
    """

    def __init__(
        self,
        *,
        app_id: str,
        app_version: str | None = None,
        api_base_url: str | None = None,
        checkpointing: config.Checkpointing | bool = True,
        env: str | None = None,
        event_api_base_url: str | None = None,
        event_key: str | None = None,
        is_production: bool | None = None,
        logger: logging.Logger | None = None,
        middleware: Sequence[MiddlewareClass] | None = None,
        outbox: EventOutbox | None = None,
        request_timeout: int | datetime.timedelta | None = None,
        serializer: Serializer | None = None,
        signing_key: str | None = None,
    ) -> None:
        self.app_id = function_options.text("app_id", app_id)
        self.app_version = app_version
        self.logger = logger or LOGGER
        self.middleware: list[MiddlewareClass] = list(function_options.middleware("middleware", middleware))
        self.checkpointing = function_options.as_checkpointing(checkpointing)
        self.serializer = serializer
        self._settings = environment.resolve(
            is_production=is_production,
            api_base_url=api_base_url,
            event_api_base_url=event_api_base_url,
            env=env,
            event_key=event_key,
            signing_key=signing_key,
        )
        self._timeout = DEFAULT_TIMEOUT if request_timeout is None else function_options.timeout(request_timeout)
        if warning := environment.branch_key_without_env(self._settings):
            self.logger.warning(warning)
        self._functions: list[Function[object]] = []
        self._sink: EventSink | None = None
        self._outbox = function_options.outbox(outbox)
        self._tracing: ClientTracing | None = None

    # -- settings

    @property
    def is_production(self) -> bool:
        """Whether the client talks to a production server."""
        return self._settings.is_production

    @property
    def api_origin(self) -> str:
        """Origin of the API."""
        return self._settings.api_origin

    @property
    def event_api_origin(self) -> str:
        """Origin to which events are sent."""
        return self._settings.event_api_origin

    @property
    def env(self) -> str | None:
        """Name of the branch environment."""
        return self._settings.env

    @property
    def event_key(self) -> str | None:
        """Key for sending events."""
        return self._settings.event_key

    @property
    def signing_key(self) -> str | None:
        """Authenticates a server and this app to each other."""
        return self._settings.signing_key

    @property
    def signing_key_fallback(self) -> str | None:
        """The signing key before the last rotation; from the environment only."""
        return self._settings.signing_key_fallback

    @property
    def functions(self) -> list[Function[object]]:
        """The client's functions, in the order in which they were made."""
        return list(self._functions)

    def add_middleware(self, middleware: MiddlewareClass) -> None:
        """Append to the client's middleware."""
        self.middleware.extend(function_options.middleware("middleware", [middleware]))

    def set_logger(self, logger: logging.Logger) -> None:
        """Replace the logger."""
        self.logger = logger

    # -- functions

    def create_function(
        self,
        *,
        fn_id: str,
        trigger: config.Trigger | Sequence[config.Trigger],
        name: str | None = None,
        retries: int | None = None,
        on_failure: Callable[[Context], Awaitable[object]] | Callable[[ContextSync], object] | None = None,
        batch_events: config.Batch | None = None,
        cancel: Sequence[config.Cancel] | None = None,
        checkpointing: config.Checkpointing | bool | None = None,
        concurrency: Sequence[config.Concurrency] | None = None,
        debounce: config.Debounce | None = None,
        idempotency: str | None = None,
        middleware: Sequence[MiddlewareClass] | None = None,
        on_change: Literal["hold", "follow"] = "hold",
        output_type: object = Unset,
        priority: config.Priority | None = None,
        rate_limit: config.RateLimit | None = None,
        singleton: config.Singleton | None = None,
        throttle: config.Throttle | None = None,
        timeouts: config.Timeouts | None = None,
    ) -> FunctionDecorator:
        """Make a function durable: a decorator for its handler.

        Args:
            fn_id: unique among the functions of an engine; the stored runs know the function by it.
            trigger: what starts it: one event or cron, or up to 10.
            name: for people; default `fn_id`.
            retries: how often each step, and the code between steps, is tried again; 0 to 20, default 4.
            on_failure: called once, without retries, when a run has failed; of the same kind as the handler.
            batch_events: one run for several events.
            cancel: events that cancel a run; up to 5.
            checkpointing: when it is served, instead of the client's own.
            concurrency: how many steps execute at a time; up to 2 limits.
            debounce: one run for the last of several events.
            idempotency: CEL expression on `event`; one run per value within 24 h.
            middleware: after the client's own.
            on_change: what becomes of a run whose code changed while it was under way: "hold" puts it on hold until
                code that fits its record is back; "follow" finds its steps by their ids alone, in any order, and
                executes new ones. A run that has followed once follows for ever.
            output_type: the type by which the client's serializer keeps the function's result.
            priority: moves a run forward or back in the queue.
            rate_limit: drops surplus events.
            singleton: at most one unfinished run.
            throttle: spreads starts over time.
            timeouts: cancels runs that are late.

        Raises:
            FunctionConfigInvalidError: `field: reason`.
        """
        checked = function_options.check(
            fn_id=fn_id,
            trigger=trigger,
            name=name,
            retries=retries,
            on_change=on_change,
            batch_events=batch_events,
            cancel=cancel,
            checkpointing=checkpointing,
            concurrency=concurrency,
            debounce=debounce,
            idempotency=idempotency,
            priority=priority,
            rate_limit=rate_limit,
            singleton=singleton,
            throttle=throttle,
            timeouts=timeouts,
        )
        return FunctionDecorator(
            self, checked, on_failure, function_options.middleware("middleware", middleware), output_type
        )

    # -- sending

    async def send(
        self, events: Event | Sequence[Event], *, connection: object = Unset, skip_middleware: bool = False
    ) -> list[str]:
        """Send events: into the engine that runs in this process with a function of this client, else over HTTP.

        Args:
            events: one or several.
            connection: send them in the transaction of this connection, which is of the engine's database: they are
                sent if and only if you commit it. A `Connection` or `Session` of SQLAlchemy, an async one too; one of
                psycopg or sqlite3; `django.db.connection`.
            skip_middleware: do not call `before_send_events` and `after_send_events`.

        Returns:
            The events' ids, in order, after they were stored; with a connection: which they have once you commit.

        Raises:
            EventInvalidError: an event cannot be accepted; none was sent.
            EventKeyUnspecifiedError: over HTTP in production, without a key.
            SendEventsError: they were not, or not all, accepted.
            TransactionError: nothing can be sent on the connection.
        """
        return await drive(self._send(events, connection, skip_middleware, blocking=False))

    def send_sync(
        self, events: Event | Sequence[Event], *, connection: object = Unset, skip_middleware: bool = False
    ) -> list[str]:
        """The same, blocking. Not for the event loop's own thread, unless it is given a connection. See `send`."""
        return drive_sync(self._send(events, connection, skip_middleware, blocking=True))

    async def send_signal(self, signal: str, data: object = None) -> str | None:
        """Give a signal to the run whose step waits for it: in the engine of this process, else over HTTP.

        Args:
            signal: its name.
            data: what JSON can hold, or the serializer can write as JSON.

        Returns:
            The id of the run that was woken; None if no step waits.

        Raises:
            StepArgumentError: the name or the data are wrong.
            SendEventsError: over HTTP, and the server did not take it.
        """
        sent = sent_signal("send_signal", signal, data, self.serializer)
        return await drive(signalling(self, sent, blocking=False))

    def send_signal_sync(self, signal: str, data: object = None) -> str | None:
        """The same, blocking. Not for the event loop's own thread. See `send_signal`."""
        sent = sent_signal("send_signal", signal, data, self.serializer)
        return drive_sync(signalling(self, sent, blocking=True))

    def _send(
        self, events: Event | Sequence[Event], connection: object, skip_middleware: bool, *, blocking: bool
    ) -> Work[list[str]]:
        hooks = Hooks(self, [] if skip_middleware else self.middleware, None)
        batch = copies_of(batch_of(events)) if hooks.any else batch_of(events)
        outbox = self._outbox_for(connection)
        yield from hooks.call("before_send_events", batch)
        sent = to_sent(batch, self.serializer)
        if not sent:
            result = SendEventsResult()
        elif outbox is not None:
            result = SendEventsResult(ids=(yield from outbox.put(sent, connection, blocking=blocking)))
        else:
            result = yield from delivering(self, sent, blocking=blocking)
        yield from hooks.call("after_send_events", result)
        if result.error is not None:
            raise SendEventsError(result.error, result.ids)
        return result.ids

    def _outbox_for(self, connection: object) -> EventOutbox | None:
        """Where events go that are sent on a connection; None if none was given."""
        if connection is Unset:
            return None
        if connection is None:  # a connection was meant: without one they would be sent at once
            raise TransactionError("send: connection: expected a connection with a transaction of yours, got None")
        found = self._outbox if self._sink is None else self._sink.outbox
        if found is None:
            raise TransactionError(
                f'send: connection: no engine runs here with functions of "{self.app_id}", and what is sent over HTTP '
                "is in no transaction. Name the engines' database: inngest.Inngest(…, outbox=inngest.Outbox(url))"
            )
        return found

    def _api(self) -> event_sender.Target:
        return event_sender.Target(self.api_origin, self.signing_key, self.env, self.is_production)

    def _target(self) -> event_sender.Target:
        return event_sender.Target(self.event_api_origin, self.event_key, self.env, self.is_production)


# -- for functions and engines, and not for users


def add_function(client: Inngest, function: Function[object]) -> None:
    """Note a function of a client. The same code, loaded again, replaces what it made before.

    Several may have one id, as long as no engine is given two of them: tests make functions of one name.
    """
    for index, other in enumerate(client._functions):
        if other.id == function.id and redefines(function.handler, other.handler):
            client._functions[index] = function
            return
    client._functions.append(function)


def bind(client: Inngest, sink: EventSink) -> None:
    """Have a client send into an engine of this process from now on.

    Raises:
        EngineBindingError: another engine has the client.
    """
    bound = client._sink
    if bound is not None and bound is not sink and bound.of_this_process:
        raise EngineBindingError(
            f'the client "{client.app_id}" runs in another Engine of this process already: stop that one first, '
            "or use one Engine for all functions of a client"
        )
    client._sink = sink


def delivering(client: Client, events: Sequence[SentEvent], *, blocking: bool) -> Work[SendEventsResult]:
    """Send events that are checked already, past no middleware: to the engine of this process, else over HTTP.

    Args:
        client: whose they are.
        events: at least one.
        blocking: it is done in a thread, and not on the loop.
    """
    assert isinstance(client, Inngest)
    sink = client._sink
    if sink is None:
        transport = event_sender.SyncTransport if blocking else event_sender.AsyncTransport
        sent = events if client._tracing is None else client._tracing.sent(events)  # an engine sees to its own
        return (yield from event_sender.send_events(client._target(), sent, transport(client._timeout)))
    ids = yield lambda: sink.send_events_sync(events) if blocking else sink.send_events(events)
    return SendEventsResult(ids=cast("list[str]", ids))


def signalling(client: Client, signal: OpTarget, *, blocking: bool) -> Work[str | None]:
    """Give a signal that is checked already; see `delivering`."""
    assert isinstance(client, Inngest)
    sink = client._sink
    if sink is None:
        transport = event_sender.SyncTransport if blocking else event_sender.AsyncTransport
        return (yield from event_sender.send_signal(client._api(), signal, transport(client._timeout)))
    woken = yield lambda: sink.send_signal_sync(signal) if blocking else sink.send_signal(signal)
    return cast("str | None", woken)


def trace(client: Inngest, tracing: ClientTracing | None) -> None:
    """Have what a client's functions do traced from now on; None: no more."""
    client._tracing = tracing


def tracing_of(client: Client) -> ClientTracing | None:
    """The one who traces it; None: nobody does."""
    assert isinstance(client, Inngest)
    return client._tracing


def unbind(client: Inngest, sink: EventSink) -> None:
    """That engine is gone: send over HTTP again, unless another one has the client by now."""
    if client._sink is sink:
        client._sink = None
