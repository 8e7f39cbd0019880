"""The needs of calls to apps, in their own words: somebody carries them there, and brings what came back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

from inngest.engine.domain.model import FunctionSpec
from inngest.engine.domain.remote import Due
from inngest.protocol.calls import Advice, Failed
from inngest.protocol.opcodes import Memo
from inngest.protocol.wire.responses import Reply
from inngest.runtime.ports import Slots


class RemoteCall(NamedTuple):
    """One request to an app: it enters a function there."""

    url: str  # where it goes, with its query
    headers: Mapping[str, str]  # all that the protocol asks for, names in lower case
    body: bytes  # JSON; of an endpoint, that of the request which began the run
    run_id: str  # ULID of the run, for logs
    app_id: str  # name of the app, for logs and for what is told of it
    method: str = "POST"


class RawAnswer(NamedTuple):
    """An app has answered, whatever it said."""

    status: int
    headers: Mapping[str, str]  # names in lower case; of those that came twice, the last
    body: bytes  # whole, as it was sent, at most 8 MB


class NotDelivered(NamedTuple):
    """The app did not get the call: it cannot have run anything."""

    reason: str  # what failed, for people: "connection refused"


class Doubtful(NamedTuple):
    """A kept connection was lost as the call left, and nothing came back.

    Most likely its other end had closed it before. But a proxy may have lost it after the app got this call.
    """

    reason: str  # what failed, for people


class Broken(NamedTuple):
    """The app may have got the call, and there is no answer: it was cut, took too long, or was too large."""

    reason: str  # what failed, for people


Carried = RawAnswer | NotDelivered | Doubtful | Broken
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


@runtime_checkable
class BriefCarrier(Protocol):
    """A carrier that can send a call in the middle of what the loop does. Not every one can."""

    def begin(self, call: RemoteCall, told: Callable[[Carried], object]) -> Callable[[], object] | None:
        """Send a call now, if nothing has to be waited for first.

        Args:
            call: it.
            told: is told once what `Carrier.carry` would return, later; not if the call is given up.

        Returns:
            Gives the call up, and closes its connection. None: nothing was sent, and `carry` is to be asked.
        """
        ...


class Conversation(Protocol):
    """A run of an app while a worker owns it. A protocol because its owner decides, and its caller only calls.

    Attributes:
        run_id: ULID of the run.
        function: its function, as its app registered it.
        not_before: unix ms; its app is not called earlier.
    """

    run_id: str
    function: FunctionSpec
    not_before: int

    @property
    def slots(self) -> Slots | None:
        """The need of a call, to leave; None if it needs nothing."""
        ...

    @property
    def memos(self) -> Collection[Memo]:
        """The finished steps, in the order of their places."""
        ...

    @property
    def generation(self) -> int:
        """Calls of another one may record nothing."""
        ...

    @property
    def version(self) -> int:
        """The version of requests that the app chose; -1 if it has not."""
        ...

    @property
    def defers(self) -> Mapping[str, bool]:
        """The functions that are deferred, by hash: whether each may be aborted."""
        ...

    @property
    def is_idle(self) -> bool:
        """Whether its app has answered lately without anything new: only this owner knows how often."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether no call of it can change anything any more."""
        ...

    def is_wanted(self, target: str) -> bool:
        """Whether a call that was due is so still."""
        ...

    def step_of(self, target: str) -> str:
        """The name of an open step, for people; "" of a discovery."""
        ...

    def take_up(self) -> None:
        """Begin to call for it."""
        ...

    def due(self, flying: Collection[str]) -> Due:
        """The calls that are to leave now, beside those that are under way, given by their targets."""
        ...

    def begins(self, target: str) -> None:
        """A call is to leave, once it is `settled`."""
        ...

    def leaves(self, target: str) -> None:
        """A call leaves."""
        ...

    def came_back(self, target: str) -> None:
        """A call was not delivered: what it was for is due as before."""
        ...

    def doubted(self, target: str) -> bool:
        """Nobody knows whether a call was delivered: it is due again as another one, and the first may record nothing.

        False if its step must not begin again: the call has to count as broken.
        """
        ...

    def wake(self) -> Failed | None:
        """Steps whose waiting is over have their memos from now on; why the run fails by that, if it does."""
        ...

    def report(self, target: str, left_at: int, reply: Reply) -> None:
        """An app has answered a call; `settled` waits until what follows is committed.

        Args:
            target: hash of the step that the call was for; DISCOVERY.
            left_at: unix ms, when it left.
            reply: the answer.
        """
        ...

    async def settled(self) -> Advice:
        """Wait until all that was decided is committed; how to go on."""
        ...
