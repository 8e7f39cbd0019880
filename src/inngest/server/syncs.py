"""An app is asked to register by one request, upon which it sends what it serves; what came of that is put in words."""

from __future__ import annotations

import email.utils
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from inngest.protocol import durations, limits
from inngest.protocol.headers import SDK_HANDLED, SDK_NAME
from inngest.protocol.http import NO_HTTPS, WITHOUT_HTTPS, HttpError, HttpRequest, HttpResponse
from inngest.protocol.wire import signing
from inngest.runtime import clock
from inngest.runtime.ports import HttpClient

PATIENCE = 10.0
"""Seconds that an app has to register, and to say so."""

_ANSWER = limits.MB


class RegisteredApp(NamedTuple):
    """An app that this server knows."""

    name: str
    uuid: str
    synced_at: int  # unix ms of the last registration
    functions: int  # that it serves
    sdk: str = ""  # language and version, as it says: "py:v0.5.19"


class Synced(NamedTuple):
    """The outcome of asking one app."""

    url: str
    app: RegisteredApp | None  # None: it did not register here
    reachable: bool  # something answers there
    modified: bool  # it serves something else than before, or is new
    problems: Sequence[str] = ()  # why it did not register, a line for each reason
    hint: str = ""  # how to mend it


class Server(NamedTuple):
    """This server, as apps see it."""

    kind: str  # "dev" or "cloud"
    url: str  # where apps reach it
    signing_key: str = ""  # requests to apps are signed with it; "" in development


class Syncing:
    """Asks apps to register.

    Args:
        http: makes the requests.
        server: who asks.
        registered: the apps that are registered here now.
    """

    def __init__(
        self, http: HttpClient, server: Server, registered: Callable[[], Awaitable[Sequence[RegisteredApp]]]
    ) -> None:
        self._http = http
        self._server = server
        self._registered = registered

    async def ask(self, url: str) -> Synced:
        """Have the app at a URL register, and wait until it has."""
        began = clock.wall_clock_ms()
        try:
            async with clock.until(clock.monotonic() + PATIENCE):
                response = await self._http.send(self._request(url, began))
        except TimeoutError:
            text = f"{url} did not answer within {PATIENCE:g} s"
            return Synced(url, None, False, False, (text,), "is the app stuck, or does it call this server in vain?")
        except HttpError as error:
            return Synced(url, None, False, False, (f"{url} does not answer: {error}",), _unreached(str(error)))
        return await self._read(url, response, began)

    def _request(self, url: str, now: int) -> HttpRequest:
        headers = {
            "content-type": "application/json",
            "user-agent": "Inngest",
            "x-inngest-server-kind": self._server.kind,
        }
        if self._server.signing_key:
            headers["x-inngest-signature"] = signing.sign(b"", self._server.signing_key, now)
        return HttpRequest("PUT", url, headers, b"", round(PATIENCE * limits.SECOND), _ANSWER, False)

    async def _read(self, url: str, response: HttpResponse, began: int) -> Synced:
        headers = {name.lower(): value for name, value in response.headers}
        answer = _object(response.content)
        if not headers.keys() & {SDK_NAME, SDK_HANDLED}:
            hint = _before_it(response.status) or _where(url)
            return Synced(url, None, True, False, (f"{url} is no app: {_described(response, headers)}",), hint)
        app = await self._app(answer, began)
        modified = answer.get("modified") is True or "modified" not in answer
        if response.status == HTTPStatus.OK and app is not None:
            return Synced(url, app, True, modified)
        problems = tuple(f"{url}: {text}" for text in _problems(answer, response.status))
        if response.status == HTTPStatus.OK and not _failed(answer):
            problems = (f"{url} has registered with another server",)
        return Synced(url, None, True, modified, problems, self._mend(answer, response, headers, began))

    async def _app(self, answer: Mapping[str, object], began: int) -> RegisteredApp | None:
        """The app that has just registered: the one that the answer names, or the one that came meanwhile."""
        known = await self._registered()
        named = answer.get("app_id")
        since = [app for app in known if app.synced_at >= began]
        return next((app for app in since if app.uuid == named), since[0] if since and named is None else None)

    def _mend(self, answer: Mapping[str, object], response: HttpResponse, headers: Mapping[str, str], now: int) -> str:
        """How to have the app register here."""
        expected = headers.get("x-inngest-expected-server-kind", "")
        refused = HTTPStatus.UNAUTHORIZED in (response.status, answer.get("status"))
        skew = _skew(headers.get("date", ""), now)
        if answer.get("code") == "server_kind_mismatch" or (expected and expected != self._server.kind):
            return self._of_kind()
        if refused and abs(skew) > signing.MAX_AGE:
            side = "ahead of" if skew > 0 else "behind"
            length = durations.to_text(abs(skew) // limits.MINUTE * limits.MINUTE)
            text = f"the app's clock is {length} {side} this server's, and a signature holds for 5 minutes"
            return f"{text}: set both clocks right"
        if "problems" in answer or str(answer.get("error", "")).startswith("At least one function"):
            return "mend the functions: nothing of the app was registered"
        if refused and not _failed(answer):
            return self._of_kind() if self._is_dev else "give the app this server's key, in INNGEST_SIGNING_KEY"
        if response.status >= HTTPStatus.BAD_REQUEST and not refused and not _looked_elsewhere(answer):
            return "the app itself has failed: its log says why"
        where = f"INNGEST_DEV={self._server.url}" if self._is_dev else f"INNGEST_BASE_URL={self._server.url}"
        return f"set {where}{'' if self._is_dev else ' and INNGEST_SIGNING_KEY'} in the app's environment"

    @property
    def _is_dev(self) -> bool:
        return self._server.kind == "dev"

    def _of_kind(self) -> str:
        if self._is_dev:
            return f"the app is in production mode: set INNGEST_DEV={self._server.url} in its environment"
        return "the app is in development mode: unset INNGEST_DEV in its environment, and give it a signing key"


def _skew(date: str, now: int) -> int:
    """Milliseconds by which the clock of whoever answered is ahead; 0 if it does not tell the time."""
    try:
        return round(email.utils.parsedate_to_datetime(date).timestamp() * limits.SECOND) - now
    except (ValueError, TypeError, OverflowError):
        return 0


def _looked_elsewhere(answer: Mapping[str, object]) -> bool:
    """Whether an app has not found a server where it looks for one. SDKs say so in words of their own."""
    said = str(answer.get("message", ""))
    return answer.get("code") == "registration_failed" or said.startswith(("Failed request to", "Failed to register"))


def _object(content: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _failed(answer: Mapping[str, object]) -> bool:
    return bool(answer.get("error")) or answer.get("ok") is False


def _problems(answer: Mapping[str, object], status: int) -> list[str]:
    """The reasons that an app gives, or this server through it."""
    listed = answer.get("problems")
    if isinstance(listed, list) and listed:
        return [_problem(one) for one in listed]
    for member in ("error", "message"):
        if isinstance(text := answer.get(member), str) and text:
            return [" ".join(text.split())[:500]]
    return [f"it answered {_status(status)}"]


def _problem(one: object) -> str:
    if not isinstance(one, dict):
        return str(one)[:500]
    return ": ".join(str(one[name])[:500] for name in ("function", "path", "text") if one.get(name))


def _described(response: HttpResponse, headers: Mapping[str, str]) -> str:
    if "location" in headers and HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
        return f"it redirects to {headers['location'][:200]}"
    return f"it answered {_status(response.status)}, and not as an SDK does"


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _unreached(reason: str) -> str:
    if "--allow-host" in reason:
        return ""
    if NO_HTTPS in reason:
        return WITHOUT_HTTPS
    if "certificate" in reason.lower():
        return "mend the certificate, or the URL"
    return "start the app, or mend the URL"


def _before_it(status: int) -> str:
    """The mend if a proxy has answered; "" if that cannot be told."""
    if status in (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT):
        return "a proxy answers, and the app behind it does not: start the app"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return "something before the app refuses requests: let those of this server pass, they are signed"
    return ""


def _where(url: str) -> str:
    if urlsplit(url).path in ("", "/"):
        return f"name the path at which it serves its functions, such as {url.rstrip('/')}/api/inngest"
    return "is this the path at which the app serves its functions?"
