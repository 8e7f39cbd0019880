"""Calls of endpoints: the request that began a run is made again, and its headers say which run it is for."""

from __future__ import annotations

import urllib.parse

from inngest.engine.domain.remote import RemoteStep
from inngest.protocol.calls import Call
from inngest.protocol.errors import BodyInvalidError
from inngest.protocol.wire import endpoints

from .ports import Conversation, RemoteCall


class NoRequestError(Exception):
    """The event of a run does not tell a request of its endpoint."""


class EndpointCalls:
    """Makes the calls of one run.

    Args:
        call: with which it was claimed: its event.
        run: tells what has become of it since.
        signing_key: which calls are signed with; "" in development.

    Raises:
        NoRequestError: it has another event than the request of an endpoint, or one that went elsewhere.
    """

    def __init__(self, call: Call, run: Conversation, signing_key: str = "") -> None:
        self._run = run
        self._trace = call.trace
        self._key = signing_key or endpoints.NO_KEY
        host = urllib.parse.urlsplit(run.function.url).netloc.lower()
        try:
            self._cause = endpoints.cause_of(call.events[0].data)
        except BodyInvalidError as error:
            raise NoRequestError(
                f"{run.function.id} is an endpoint: its runs begin with requests to it, and the event of this one "
                f"tells none. {error.message}"
            ) from None
        if self._cause.host != host:
            raise NoRequestError(f"the endpoint is at {host}, and the request of this run went to {self._cause.host}")

    def of(self, step: RemoteStep, request_id: str, now: int) -> RemoteCall:
        """A call.

        Args:
            step: what it is for.
            request_id: ULID of this call alone.
            now: unix ms, for its signature.
        """
        run, cause = self._run, self._cause
        head = endpoints.Head(run.run_id, request_id, run.generation, run.version, step.target, step.plan, self._trace)
        headers = endpoints.call_headers(cause, head, self._key, now)
        method = "GET" if cause.method == "HEAD" else cause.method  # an answer without a body could report nothing
        return RemoteCall(cause.url, headers, cause.body.encode(), run.run_id, run.function.app_id, method)
