"""One engine, assembled from its settings and the outer world that it is given: the real one, or a simulated one."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from typing import NamedTuple

from inngest.engine.domain.model import FunctionSpec, Policy
from inngest.engine.invokers.http import HttpCarrier
from inngest.engine.invokers.ports import Carrier
from inngest.engine.invokers.remote import RemoteInvoker
from inngest.engine.observers import Observers
from inngest.engine.ports import Invoker
from inngest.engine.service import Options, Service
from inngest.engine.store.database import Database
from inngest.engine.store.dialects import database_of
from inngest.engine.store.sql import SqlStore
from inngest.engine.worker_context import WorkerContext
from inngest.runtime.clock import SystemClock
from inngest.runtime.http import AiohttpClient
from inngest.runtime.idle import LoopIdle
from inngest.runtime.ids import SystemIds
from inngest.runtime.ports import Clock, Executor, HttpClient, Ids, Liveness, Spans
from inngest.runtime.threads import FunctionThreads
from inngest.runtime.writer_thread import ThreadExecutor

from .local_invoker import LocalInvoker
from .settings import Settings
from .transactions.maker import ConnectionMaker


class Runtime(NamedTuple):
    """The outer world of one engine."""

    clock: Clock
    ids: Ids
    idle: LoopIdle  # of the event loop that it runs on
    threads: FunctionThreads
    executor: Executor
    database: Database
    liveness: Liveness
    http: HttpClient
    host: str
    pid: int
    carrier: Carrier | None = None  # carries calls to apps; None if this engine calls none
    by_hand: bool = False  # its time is moved by hand, and nobody else has its database


class Assembly(NamedTuple):
    """The parts of one engine."""

    runtime: Runtime
    invoker: LocalInvoker
    store: SqlStore
    service: Service


def real_runtime(settings: Settings) -> Runtime:
    """The real outer world, around the running event loop."""
    loop = asyncio.get_running_loop()
    found = database_of(settings.database.url, durable=settings.durable, lease=settings.lease)
    idle, clock = LoopIdle(loop), SystemClock(loop, found.wall)
    if found.on_first_look is not None:
        found.on_first_look(clock.anew)
    return Runtime(
        clock=clock,
        ids=SystemIds(),
        idle=idle,
        threads=FunctionThreads(settings.thread_pool_size),
        executor=ThreadExecutor(loop, idle),
        database=found.database,
        liveness=found.liveness,
        http=AiohttpClient(None if settings.apps is None else settings.apps.egress),
        host=socket.gethostname(),
        pid=os.getpid(),
        carrier=None if settings.apps is None else HttpCarrier(clock, settings.apps.egress),
    )


def assemble(
    settings: Settings,
    functions: Sequence[FunctionSpec],
    runtime: Runtime,
    observers: Observers | None = None,
    *,
    around: Callable[[LocalInvoker], Invoker] = lambda invoker: invoker,
    calling: Callable[[Carrier, Clock, Ids, str], RemoteInvoker] = RemoteInvoker,
) -> Assembly:
    """Put an engine together. It runs on the event loop that is running.

    Args:
        settings: how it runs.
        functions: those of the settings, as the engine knows them.
        runtime: the outer world.
        observers: are told what it does.
        around: what stands between the engine and the invoker of its functions.
        calling: makes the invoker of functions of apps.
    """
    policy = Policy(
        settings.max_steps, settings.retry_interval, settings.max_takeovers, always_replays=settings.always_replays
    )
    store = SqlStore(runtime.database, runtime.executor, runtime.ids, policy)
    leased = runtime.liveness.lease is not None
    may_begin = runtime.liveness.may_begin if leased else None
    transactions = ConnectionMaker(
        settings.transactions,
        settings.database.url,
        runtime.database,
        settings.database.path,
        runtime.threads,
        runtime.clock,
        settings.lease,
    )
    observers = Observers() if observers is None else observers

    def spans(run_id: str) -> Spans | None:
        return None if observers.tracing is None else observers.tracing.attempts(run_id)

    invoker = LocalInvoker(
        settings.functions, runtime.clock, runtime.threads, runtime.idle, may_begin, transactions.of, spans
    )
    carrier = runtime.carrier
    key = "" if settings.apps is None else settings.apps.signing_key
    remote = None if carrier is None else calling(carrier, runtime.clock, runtime.ids, key)
    worker = WorkerContext(
        store,
        around(invoker),
        runtime.clock,
        runtime.ids,
        policy,
        runtime.http,
        runtime.ids.token(),
        remote=remote,
        observers=observers,
    )
    options = Options(
        functions=functions,
        whole_apps=[client.app_id for client in settings.clients],
        max_in_flight=settings.max_runs_in_flight,
        drain_timeout=settings.drain_timeout,
        host=runtime.host,
        pid=runtime.pid,
        retention=settings.retention,
        requests=settings.requests,
        by_hand=runtime.by_hand,
    )
    return Assembly(runtime, invoker, store, Service(worker, runtime.liveness, options))
