"""The needs of calls to apps, in their own words: somebody carries them there, and brings what came back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class RemoteCall(NamedTuple):
    """One request to an app: it enters a function there."""

    url: str  # where to POST it, with its query
    headers: Mapping[str, str]  # all that the protocol asks for, names in lower case
    body: bytes  # JSON
    run_id: str  # ULID of the run, for logs
    app_id: str  # name of the app, for logs and for what is told of it


class RawAnswer(NamedTuple):
    """An app has answered, whatever it said."""

    status: int
    headers: Mapping[str, str]  # names in lower case; of those that came twice, the last
    body: bytes  # whole, as it was sent, at most 8 MB


class NotDelivered(NamedTuple):
    """The app did not get the call: it cannot have run anything."""

    reason: str  # what failed, for people: "connection refused"


class Broken(NamedTuple):
    """The app may have got the call, and there is no answer: it was cut, took too long, or was too large."""

    reason: str  # what failed, for people


Carried = RawAnswer | NotDelivered | Broken
"""The ends of a call."""


class Carrier(Protocol):
    """Carries calls to apps. A protocol because the transport is HTTP, a connection of the app, or simulated."""

    async def carry(self, call: RemoteCall) -> Carried:
        """Send a call, and wait for what becomes of it: up to 2 h.

        It raises nothing but what cancels it; then the connection of the call is closed. Redirects are followed within
        the same scheme, host and port.
        """
        ...

    async def close(self) -> None:
        """Close its connections. Idempotent."""
        ...
