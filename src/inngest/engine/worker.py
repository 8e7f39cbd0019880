"""What the parts of one worker share."""

from __future__ import annotations

from dataclasses import dataclass

from inngest.runtime.ports import Clock

from .domain.model import Policy
from .ports import HttpClient, Ids, Invoker, Observer, Store


@dataclass(slots=True)
class Worker:
    """What the parts of one worker share. One that was declared dead goes on with a new session."""

    store: Store
    invoker: Invoker
    clock: Clock
    ids: Ids
    policy: Policy
    http: HttpClient
    session_id: str
    observer: Observer | None = None
