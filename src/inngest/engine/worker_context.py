"""The things that the parts of one worker share.

A file of its own: every part of a worker imports it, and it imports none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from inngest.runtime.ports import Clock, HttpClient, Ids

from .domain.model import Policy
from .invokers.remote import RemoteInvoker
from .observers import Observer, Observers
from .ports import Invoker, Store


@dataclass(slots=True)
class WorkerContext:
    """The things that the parts of one worker share. One that was declared dead goes on with a new session."""

    store: Store
    invoker: Invoker
    clock: Clock
    ids: Ids
    policy: Policy
    http: HttpClient
    session_id: str
    remote: RemoteInvoker | None = None  # calls functions of apps; None if this worker calls none
    observers: Observers = field(default_factory=Observers)

    @property
    def observer(self) -> Observer | None:
        """Tells all who watch; None if nobody does."""
        return self.observers if self.observers.any else None
