"""Apps are asked to register: what comes of it in words, how often they are asked, and how they are found."""

from __future__ import annotations

import asyncio
import datetime
import email.utils
import json
import time
from collections.abc import Mapping, Sequence

import pytest

from inngest.protocol.http import HttpError, HttpRequest, HttpResponse
from inngest.protocol.wire import signing
from inngest.runtime.http import AiohttpClient
from inngest.server.discovery import Discovery
from inngest.server.polling import Polling
from inngest.server.syncs import RegisteredApp, Server, Synced, Syncing

from .rude import Peer, rude

URL = "http://localhost:3000/api/inngest"
DEV = Server("dev", "http://127.0.0.1:8288")
CLOUD = Server("cloud", "https://inngest.test", "00ff")
SDK = {"x-inngest-sdk": "py:v0.5.19"}


class Web:
    """What answers requests, instead of a network."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        self.answers = list(answers)  # the last one is repeated
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None: ...


def answer(body: object, status: int = 200, headers: Mapping[str, str] = SDK) -> HttpResponse:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, list(headers.items()), content)


def shop(*, uuid: str = "u1", at: int = 2**60) -> RegisteredApp:
    return RegisteredApp("shop", uuid, at, 3, "py:v0.5.19")


async def ask(given: HttpResponse | Exception, *known: RegisteredApp, server: Server = DEV) -> Synced:
    async def registered() -> Sequence[RegisteredApp]:
        return known

    return await Syncing(Web(given), server, registered).ask(URL)


OK = {"ok": True, "modified": True, "sync_id": "s", "app_id": "u1"}
TS = {"message": "Successfully registered", "modified": False}


async def test_an_app_that_registers() -> None:
    assert await ask(answer(OK), shop(uuid="u0"), shop()) == Synced(URL, shop(), True, True)
    assert await ask(answer(TS), shop()) == Synced(URL, shop(), True, False)
    assert await ask(answer({}), shop()) == Synced(URL, shop(), True, True)


@pytest.mark.parametrize("given", [OK, TS])
async def test_an_app_that_registers_elsewhere(given: dict[str, object]) -> None:
    for known in ((), (shop(at=1),), (shop(uuid="u2", at=1),)):
        outcome = await ask(answer(given), *known)
        assert (outcome.app, outcome.problems) == (None, (f"{URL} has registered with another server",))
        assert outcome.hint == "set INNGEST_DEV=http://127.0.0.1:8288 in the app's environment"


@pytest.mark.parametrize(
    ("given", "problem", "hint"),
    [
        (
            answer(b"<html>", 404, {}),
            f"{URL} is no app: it answered 404 Not Found, and not as an SDK does",
            "is this the path at which the app serves its functions?",
        ),
        (
            answer(b"", 307, {"Location": "/api/inngest/"}),
            f"{URL} is no app: it redirects to /api/inngest/",
            "is this the path at which the app serves its functions?",
        ),
        (
            answer({"code": "server_kind_mismatch", "message": "Expected server kind cloud,\n got dev"}, 400),
            f"{URL}: Expected server kind cloud, got dev",
            "the app is in production mode: set INNGEST_DEV=http://127.0.0.1:8288 in its environment",
        ),
        (
            answer({}, 401, {**SDK, "x-inngest-expected-server-kind": "cloud"}),
            f"{URL}: it answered 401 Unauthorized",
            "the app is in production mode: set INNGEST_DEV=http://127.0.0.1:8288 in its environment",
        ),
        (
            answer({"error": "At least one function is invalid"}),
            f"{URL}: At least one function is invalid",
            "mend the functions: nothing of the app was registered",
        ),
        (
            answer(b"\xff", 500),
            f"{URL}: it answered 500 Internal Server Error",
            "the app itself has failed: its log says why",
        ),
        (
            answer(b"[" * 100_000, 599),
            f"{URL}: it answered 599",
            "the app itself has failed: its log says why",
        ),
        (
            answer({"code": "registration_failed", "message": "response is not valid JSON"}, 500),
            f"{URL}: response is not valid JSON",
            "set INNGEST_DEV=http://127.0.0.1:8288 in the app's environment",
        ),
        (
            answer({"code": "unknown", "message": "Failed request to http://127.0.0.1:1/fn/register: refused"}, 500),
            f"{URL}: Failed request to http://127.0.0.1:1/fn/register: refused",
            "set INNGEST_DEV=http://127.0.0.1:8288 in the app's environment",
        ),
        (
            answer({"message": "Failed to register; fetch failed", "modified": False}, 500),
            f"{URL}: Failed to register; fetch failed",
            "set INNGEST_DEV=http://127.0.0.1:8288 in the app's environment",
        ),
        (
            answer({"error": "a signing key is required", "status": 401}),
            f"{URL}: a signing key is required",
            "set INNGEST_DEV=http://127.0.0.1:8288 in the app's environment",
        ),
        (
            answer({"message": "Unauthorized"}, 401, {"x-inngest-sdk-handled": "true"}),
            f"{URL}: Unauthorized",
            "the app is in production mode: set INNGEST_DEV=http://127.0.0.1:8288 in its environment",
        ),
        (
            answer(b"<html>", 502, {}),
            f"{URL} is no app: it answered 502 Bad Gateway, and not as an SDK does",
            "a proxy answers, and the app behind it does not: start the app",
        ),
        (
            answer(b"", 401, {"www-authenticate": "Basic"}),
            f"{URL} is no app: it answered 401 Unauthorized, and not as an SDK does",
            "something before the app refuses requests: let those of this server pass, they are signed",
        ),
        (
            HttpError("ClientConnectorCertificateError: certificate verify failed"),
            f"{URL} does not answer: ClientConnectorCertificateError: certificate verify failed",
            "mend the certificate, or the URL",
        ),
        (
            HttpError("ConnectError: localhost:8000 speaks HTTP, not HTTPS: use http://localhost:8000"),
            f"{URL} does not answer: ConnectError: localhost:8000 speaks HTTP, not HTTPS: use http://localhost:8000",
            "write the URL with http://; a proxy that speaks TLS has a port of its own",
        ),
        (
            HttpError("ConnectError: Connection refused"),
            f"{URL} does not answer: ConnectError: Connection refused",
            "start the app, or mend the URL",
        ),
        (
            HttpError("localhost is not public; start it with --allow-host localhost:3000 if it is yours"),
            f"{URL} does not answer: localhost is not public; start it with --allow-host localhost:3000 if it is yours",
            "",
        ),
    ],
)
async def test_what_is_wrong_is_one_line_with_its_mend(given: HttpResponse, problem: str, hint: str) -> None:
    outcome = await ask(given)
    assert (outcome.app, outcome.problems, outcome.hint) == (None, (problem,), hint)
    assert outcome.reachable == isinstance(given, HttpResponse)


async def test_all_problems_of_functions_are_told() -> None:
    problems = [{"function": "shop-pay", "path": "triggers.0", "text": "no event"}, {"function": "", "text": "x"}, "y"]
    outcome = await ask(answer({"error": "At least one function is invalid", "problems": problems}, 400))
    assert outcome.problems == (f"{URL}: shop-pay: triggers.0: no event", f"{URL}: x", f"{URL}: y")
    assert outcome.hint == "mend the functions: nothing of the app was registered"


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (
            answer({"message": "Unauthorized"}, 401, {"x-inngest-sdk-handled": "true"}),
            "give the app this server's key, in INNGEST_SIGNING_KEY",
        ),
        (
            answer({"error": "a signing key is required", "status": 401}),
            "set INNGEST_BASE_URL=https://inngest.test and INNGEST_SIGNING_KEY in the app's environment",
        ),
        (
            answer({"error": "At least one function is invalid", "status": 400}),
            "mend the functions: nothing of the app was registered",
        ),
        (answer({"message": "KeyError: 'x'"}, 500), "the app itself has failed: its log says why"),
        (answer(OK), "set INNGEST_BASE_URL=https://inngest.test and INNGEST_SIGNING_KEY in the app's environment"),
    ],
)
async def test_what_helps_in_production(given: HttpResponse, hint: str) -> None:
    assert (await ask(given, server=CLOUD)).hint == hint


@pytest.mark.parametrize(("minutes", "said"), [(-12, "12m behind"), (6, "5m ahead of"), (75, "74m ahead of")])
async def test_clocks_that_differ_are_named_with_how_much(minutes: int, said: str) -> None:
    date = email.utils.format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes), True)
    outcome = await ask(answer({"message": "Unauthorized"}, 401, {**SDK, "date": date}), server=CLOUD)
    said = f"the app's clock is {said} this server's, and a signature holds for 5 minutes: set both clocks right"
    assert outcome.hint == said


async def test_a_clock_that_is_nearly_right_is_not_named() -> None:
    for date in ("no time", email.utils.format_datetime(datetime.datetime.now(datetime.UTC), True)):
        outcome = await ask(answer({}, 401, {**SDK, "date": date}), server=CLOUD)
        assert outcome.hint == "give the app this server's key, in INNGEST_SIGNING_KEY"


async def test_in_production_requests_are_signed_and_mends_are_others() -> None:
    web = Web(answer({"message": "no"}, 500, {**SDK, "X-Inngest-Expected-Server-Kind": "dev"}))

    async def registered() -> Sequence[RegisteredApp]:
        return ()

    outcome = await Syncing(web, CLOUD, registered).ask(URL)
    assert "unset INNGEST_DEV" in outcome.hint
    (request,) = web.requests
    assert (request.method, request.headers["x-inngest-server-kind"]) == ("PUT", "cloud")
    signature = request.headers["x-inngest-signature"]
    assert signing.verify(b"", signature, ["00ff"], round(time.time() * 1_000)) == "00ff"
    unsigned = Web(answer(OK))
    await Syncing(unsigned, DEV, registered).ask(URL)
    assert "x-inngest-signature" not in unsigned.requests[0].headers


async def test_a_path_is_missing() -> None:
    async def registered() -> Sequence[RegisteredApp]:
        return ()

    outcome = await Syncing(Web(answer(b"hi", 405, {})), DEV, registered).ask("http://localhost:3000/")
    assert outcome.hint.endswith("such as http://localhost:3000/api/inngest")


# -- polling


class Script(Syncing):
    """Gives outcomes in turn, the last one again and again."""

    def __init__(self, **outcomes: list[Synced]) -> None:
        self.outcomes = outcomes
        self.asked: list[str] = []

    async def ask(self, url: str) -> Synced:
        self.asked.append(url)
        left = self.outcomes[url]
        return left.pop(0) if len(left) > 1 else left[0]


def good(url: str = "a", *, modified: bool = False) -> Synced:
    return Synced(url, shop(), True, modified)


def away(url: str = "a") -> Synced:
    return Synced(url, None, False, False, (f"{url} does not answer",))


def bad(text: str) -> Synced:
    return Synced("a", None, True, False, (text,))


async def test_each_is_asked_at_its_time_and_those_that_are_away_less_and_less() -> None:
    script = Script(a=[good()], b=[away("b")])
    polling = Polling(script, ["a", "b"], lambda _: None)
    times: dict[str, list[float]] = {"a": [], "b": []}
    now: float | None = 0.0
    while now is not None and now < 200:
        script.asked.clear()
        due = await polling.look(now)
        for url in script.asked:
            times[url].append(now)
        now = due
    assert times["a"] == [5.0 * n for n in range(40)]
    assert times["b"] == [0, 5, 15, 35, 75, 135, 195]


async def test_one_that_is_back_is_asked_as_before() -> None:
    script = Script(a=[away(), away(), good()])
    polling = Polling(script, ["a"], lambda _: None)
    assert await polling.look(0.0) == 5.0
    assert await polling.look(5.0) == 15.0
    assert await polling.look(15.0) == 20.0
    assert await polling.look(19.0) == 20.0
    assert script.asked == ["a"] * 3


async def test_what_is_known_is_told_once() -> None:
    told: list[Synced] = []
    outcomes = [away(), away(), good(), good(), good(modified=True), bad("x"), bad("x"), bad("y"), good(), away()]
    polling = Polling(Script(a=list(outcomes)), ["a"], told.append)
    now: float | None = 0.0
    for _ in outcomes:
        assert now is not None
        now = await polling.look(now)
    assert told == [away(), good(), good(modified=True), bad("x"), bad("y"), good(), away()]


async def test_without_an_interval_each_is_asked_until_it_has_registered() -> None:
    script = Script(a=[away(), good()], b=[good("b")])
    polling = Polling(script, ["a"], lambda _: None, interval=0)
    polling.add("b")
    polling.add("b")
    assert await polling.look(0.0) == 5.0
    assert await polling.look(5.0) is None
    assert script.asked == ["a", "b", "a"]


async def test_one_that_is_slow_holds_up_nobody() -> None:
    both = asyncio.Barrier(2)

    class Slow(Syncing):
        def __init__(self) -> None: ...

        async def ask(self, url: str) -> Synced:
            await both.wait()
            return good(url)

    await Polling(Slow(), ["a", "b"], lambda _: None).look(0.0)


# -- discovery


async def app(peer: Peer) -> None:
    """An app at one of the paths."""
    first, _, _ = await peer.request()
    found = first.startswith("GET /x/inngest ")
    head = b"HTTP/1.1 200 OK\r\nX-Inngest-SDK: js:v4\r\n" if found else b"HTTP/1.1 404 Not Found\r\n"
    await peer.say(head + b"content-length: 0\r\nconnection: close\r\n\r\n")


async def stranger(peer: Peer) -> None:
    """Something else."""
    await peer.request()
    await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


async def test_apps_are_found_once_and_strangers_are_asked_less_and_less() -> None:
    http = AiohttpClient()
    async with rude(app) as one, rude(stranger) as other, rude(app) as own:
        discovery = Discovery(http, own.port, [one.port, other.port, own.port])
        assert await discovery.look(0.0) == [f"http://localhost:{one.port}/x/inngest"]
        asked = one.connections
        seen: list[float] = []
        for now in range(1, 200):
            before = other.connections
            assert await discovery.look(float(now)) == []
            if other.connections > before:
                seen.append(now)
        assert seen == [5, 15, 35, 75, 135, 195]
        assert (one.connections, own.connections) == (asked, 0)
    await http.close()


async def test_an_app_that_is_started_later_is_found() -> None:
    async with rude(app) as started:
        port = started.port
    http = AiohttpClient()
    discovery = Discovery(http, 1, [port])
    assert await discovery.look(0.0) == []
    async with rude(app, port=port):
        assert await discovery.look(1.0) == []
        assert await discovery.look(5.0) == [f"http://localhost:{port}/x/inngest"]
    await http.close()
