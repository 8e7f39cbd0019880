"""Servers that answer the requests of steps in a test: none is called that is not stubbed."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from typing import NamedTuple

from inngest.embedded.errors import EngineConfigError
from inngest.protocol import codec
from inngest.protocol.http import HttpError, HttpRequest, HttpResponse
from inngest.sdk.serializers import Unset

from .errors import UnstubbedRequestError


class HttpCall(NamedTuple):
    """One request that a stub has seen."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes  # empty if it has none

    def json(self) -> object:
        """Its body, read as JSON."""
        return codec.loads(self.body.decode())


class HttpStub:
    """Answers requests of steps. Made by `Engine.http.stub`.

    Attributes:
        calls: the requests that have come, those that got no answer too, in order.
    """

    def __init__(self, method: str, url: str, answer: Callable[[HttpCall], HttpResponse], fail: int) -> None:
        self.calls: list[HttpCall] = []
        self._method = method
        self._url = url
        self._answer = answer
        self._fail = fail

    def __repr__(self) -> str:
        return f"<stub of {self._method} {self._url}, called {len(self.calls)} times>"

    def matches(self, request: HttpRequest) -> bool:
        """Whether it answers a request."""
        return self._method in ("*", request.method.upper()) and fnmatch.fnmatchcase(request.url, self._url)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """The answer to a request.

        Raises:
            HttpError: this one gets none.
        """
        call = HttpCall(request.method, request.url, dict(request.headers), request.content or b"")
        self.calls.append(call)
        if len(self.calls) <= self._fail:
            raise HttpError(f"request {len(self.calls)} gets no answer, by the stub")
        return self._answer(call)


class HttpStubs:
    """The servers of one engine: the `HttpClient` of its steps."""

    def __init__(self) -> None:
        self._stubs: list[HttpStub] = []
        self._unstubbed: list[HttpRequest] = []

    def stub(
        self,
        method: str,
        url: str,
        *,
        status: int = 200,
        json: object = Unset,
        text: str = "",
        headers: Mapping[str, str] | None = None,
        fail: int = 0,
    ) -> HttpStub:
        """Answer requests of steps (`step.fetch`, `step.ai.infer`) in the place of their server.

        Args:
            method: such as "POST"; "*" for any.
            url: all of it, where `*` stands for any letters.
            status: of the answer.
            json: its body, as JSON.
            text: its body as it is, if there is no `json`.
            headers: of the answer.
            fail: so many requests, the first, get no answer, as if the server could not be reached.

        Returns:
            The stub, which comes before those that there are; `calls` has the requests.

        Raises:
            EngineConfigError: an argument is wrong.
        """
        if not isinstance(method, str) or not isinstance(url, str):
            raise EngineConfigError(f"http.stub: expected a method and a URL as texts, got {method!r}, {url!r}")
        if isinstance(fail, bool) or not isinstance(fail, int) or fail < 0:
            raise EngineConfigError(f"fail: expected the number of requests that get no answer, from 0, got {fail!r}")
        content = text if json is Unset else codec.dumps(json)
        given = {"content-type": "text/plain" if json is Unset else "application/json", **(headers or {})}
        return self.add(
            HttpStub(
                method.upper(),
                url,
                lambda call: HttpResponse(status, list(given.items()), content.encode(), call.url),
                fail,
            )
        )

    def add(self, stub: HttpStub) -> HttpStub:
        """A stub, which comes before those that there are."""
        self._stubs.insert(0, stub)
        return stub

    async def send(self, request: HttpRequest) -> HttpResponse:
        """See `HttpClient`."""
        for stub in self._stubs:
            if stub.matches(request):
                return stub.answer(request)
        self._unstubbed.append(request)
        raise HttpError("no stub of the test answers it", retriable=False)

    async def close(self) -> None:
        """See `HttpClient`."""

    def check(self) -> None:
        """See that each request had a stub since this was asked last.

        Raises:
            UnstubbedRequestError: names those that had none.
        """
        unstubbed, self._unstubbed = self._unstubbed, []
        if unstubbed:
            named = ", ".join(f"{one.method} {one.url}" for one in unstubbed[:5])
            raise UnstubbedRequestError(
                f"a step asked for {named}, and no stub answers that: "
                f'engine.http.stub("{unstubbed[0].method}", "{unstubbed[0].url}", json=…)'
            )
