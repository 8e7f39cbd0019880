"""The API of the server that this app belongs to: who asks, with which key, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from inngest.protocol import headers, limits
from inngest.protocol.http import HttpRequest, HttpResponse
from inngest.protocol.wire.signing import hashed
from inngest.runtime.ports import HttpClient
from inngest.sdk.environment import at
from inngest.sdk.function import Client

TIMEOUT = 30_000
"""Milliseconds until an answer is there."""

MAX_ANSWER = 64 * limits.MB
"""Bytes that are read of an answer: the state of a run has up to 32 MB."""

REFUSED = (401, 403)


class ServerApi:
    """Asks a server, by the client's settings.

    A server may know only the key before the last rotation: if it refuses the signing key, it is asked again with the
    fallback. The key that was taken comes first in the next request.
    """

    def __init__(self, client: Client, http: HttpClient) -> None:
        self._client = client
        self._http = http
        self._lacking_until: int | None = None
        self._keys = [key for key in (client.signing_key, client.signing_key_fallback) if key]
        self._shown: dict[str, str] = {}  # headers by their keys, made when they are first sent

    def lacks_checkpoints(self, until: int) -> None:
        """The server takes no checkpoints: it is sent none for a while.

        Args:
            until: ms of the monotonic clock.
        """
        self._lacking_until = until

    def has_checkpoints(self, now: int) -> bool:
        """Whether the server may know checkpoints."""
        return self._lacking_until is None or now >= self._lacking_until

    async def send(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        *,
        query: Mapping[str, str] | None = None,
        more: Mapping[str, str] | None = None,
        timeout: int = TIMEOUT,
    ) -> HttpResponse:
        """The answer, whatever its status.

        Args:
            method: of HTTP.
            path: below the origin of the API, without a slash in front.
            content: the body.
            query: parameters.
            more: further headers.
            timeout: ms until the answer is there.

        Raises:
            HttpError: there is none.
        """
        url = at(self._client.api_origin, path) + (f"?{urlencode(query)}" if query else "")
        sent = headers.outgoing(env=self._client.env, is_production=self._client.is_production)
        del sent[headers.EXPECTED_SERVER_KIND]  # said only where it is asked for
        sent.update(more or {})
        request = HttpRequest(method, url, sent, content, timeout, MAX_ANSWER, redirects=False)
        keys = tuple(self._keys)  # others may put them in another order while this waits
        for key in keys[:1]:
            sent["authorization"] = self._showing(key)
        answer = await self._http.send(request)
        if answer.status in REFUSED and len(keys) > 1:
            sent["authorization"] = self._showing(keys[1])
            answer = await self._http.send(request)
            if answer.status not in REFUSED:
                self._keys = [keys[1], keys[0]]
        return answer

    def _showing(self, key: str) -> str:
        """The header that shows a key."""
        found = self._shown.get(key)
        if found is None:
            found = self._shown[key] = f"Bearer {hashed(key)}"
        return found
