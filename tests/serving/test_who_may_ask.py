"""Who may ask what of an endpoint: each kind of request, in production and in development, signed and not."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest

import inngest
from inngest import errors
from inngest.protocol.http import HttpError, HttpRequest, HttpResponse
from inngest.protocol.wire import signing
from inngest.runtime.clock import wall_clock_ms
from inngest.sdk.serving import handler as handler_module
from inngest.sdk.serving.messages import Request

from .asking import KEY, OLD_KEY, URL, FakeApi, asked, client_of, handler_of, reply, request, value_of

CLOUD, DEV = client_of(production=True), client_of(production=False)


def function_of(client: inngest.Inngest) -> inngest.Function[Any]:
    @client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="shop/paid"))
    async def pay(ctx: inngest.Context) -> None: ...

    return pay


@pytest.mark.parametrize(
    ("production", "options", "warns"),
    [
        (True, {}, True),
        (True, {"serve_origin": "https://shop.example"}, False),
        (True, {"enable_unauthed_sync": False}, False),
        (False, {}, False),
    ],
)
def test_an_app_that_anybody_can_register_elsewhere_is_told_so(
    production: bool, options: dict[str, Any], warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    client = CLOUD if production else DEV
    handler_of(client, [], **options)
    told = [record.getMessage() for record in caplog.records if "serve_origin" in record.getMessage()]
    assert len(told) == warns


FUNCTIONS = {True: function_of(CLOUD), False: function_of(DEV)}
TRUST = "probe=trust"
Given = Callable[[], Request]
"""A request that is signed when it is asked for: signatures get old."""

IN_BAND = {"x-inngest-sync-kind": "in_band"}
FROM_CLOUD, FROM_DEV = {"x-inngest-server-kind": "cloud"}, {"x-inngest-server-kind": "dev"}
URL_BODY = json.dumps({"url": "https://seen.example/api/inngest"}).encode()


@pytest.mark.parametrize(
    ("production", "given", "status"),
    [
        (True, partial(request, "GET"), 401),
        (True, partial(request, "HEAD"), 401),
        (True, partial(request, "HEAD", key=KEY), 200),
        (True, partial(request, "GET", key=KEY), 200),
        (True, partial(request, "GET", key=OLD_KEY), 401),
        (True, partial(request, "GET", key=KEY, age=400_000), 401),
        (True, partial(request, "GET", key=KEY, age=-400_000), 401),
        (True, partial(request, "GET", headers={"x-inngest-signature": "s=1"}), 401),
        (True, partial(request, "GET", headers=FROM_DEV), 401),
        (True, partial(request, "GET", key=KEY, headers=FROM_DEV), 403),
        (True, partial(request, "GET", key=KEY, headers=FROM_CLOUD), 200),
        (True, partial(request, "GET", key=KEY, headers={"x-inngest-server-kind": "moon"}), 200),
        (True, partial(request, "PUT"), 200),
        (True, partial(request, "PUT", key=KEY), 200),
        (True, partial(request, "PUT", key=OLD_KEY), 200),
        (True, partial(request, "PUT", headers=FROM_DEV), 400),
        (True, partial(request, "PUT", body=URL_BODY, headers=IN_BAND), 401),
        (True, partial(request, "PUT", body=URL_BODY, key=OLD_KEY, headers=IN_BAND), 401),
        (True, partial(request, "PUT", body=URL_BODY, key=KEY, headers=IN_BAND), 200),
        (True, partial(request, "PUT", body=b"{}", key=KEY, headers=IN_BAND), 500),
        (True, partial(request, "PUT", key=KEY, headers=IN_BAND), 500),
        (True, partial(request, "POST", TRUST), 401),
        (True, partial(request, "POST", TRUST, key=KEY), 200),
        (True, partial(request, "POST", TRUST, key=KEY, headers=FROM_DEV), 200),
        (True, partial(request, "POST", "probe=moon", key=KEY), 500),
        (True, partial(request, "DELETE", key=KEY), 405),
        (False, partial(request, "GET"), 200),
        (False, partial(request, "GET", headers={"x-inngest-signature": "s=1"}), 200),
        (False, partial(request, "GET", headers=FROM_CLOUD), 403),
        (False, partial(request, "GET", headers=FROM_DEV), 200),
        (False, partial(request, "PUT"), 200),
        (False, partial(request, "PUT", headers=FROM_CLOUD), 400),
        (False, partial(request, "PUT", body=URL_BODY, headers=IN_BAND), 200),
        (False, partial(request, "POST", TRUST), 200),
        (False, partial(request, "POST", "probe="), 500),
    ],
)
async def test_the_status_of_an_answer(production: bool, given: Given, status: int) -> None:
    handler = handler_of(CLOUD if production else DEV, [FUNCTIONS[production]])
    assert (await asked(handler, given())).status == status


async def test_without_unauthenticated_sync_a_registration_has_to_be_signed() -> None:
    api = FakeApi()
    handler = handler_of(CLOUD, [FUNCTIONS[True]], api, enable_unauthed_sync=False)
    assert [(await asked(handler, request("PUT", key=key))).status for key in (None, OLD_KEY, KEY)] == [401, 401, 200]
    assert len(api.asked) == 1


async def test_a_signature_of_any_age_is_taken_if_the_settings_say_so() -> None:
    handler = handler_of(CLOUD, [FUNCTIONS[True]], signature_max_age=0)
    assert (await asked(handler, request("GET", key=KEY, age=10**12))).status == 200


async def test_requests_at_once_to_a_server_that_knows_the_fallback_only_are_all_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INNGEST_SIGNING_KEY_FALLBACK", OLD_KEY)
    both_came, taken = asyncio.Event(), asyncio.Event()

    class Rotated(FakeApi):
        async def send(self, request: HttpRequest) -> HttpResponse:
            number = len(self.asked)
            await super().send(request)
            if number == 0:
                await both_came.wait()
            elif number == 1:  # it is refused when the other has been taken
                both_came.set()
                await taken.wait()
            knows = request.headers["authorization"] == f"Bearer {signing.hashed(OLD_KEY)}"
            if knows:
                taken.set()
            return reply(200 if knows else 401, {"ok": knows, "modified": knows})

    api, client = Rotated(), client_of(production=True)
    handler = handler_of(client, [function_of(client)], api)
    both = await asyncio.gather(*(asked(handler, request("PUT", f"deployId={number}")) for number in range(2)))
    assert [answer.status for answer in both] == [200, 200]
    assert (await asked(handler, request("PUT"))).status == 200
    fallback = f"Bearer {signing.hashed(OLD_KEY)}"
    shown = [sent.headers["authorization"] == fallback for sent in api.asked]
    assert shown == [False, False, True, True, True]  # the key that was taken comes first from then on


async def test_a_request_and_its_answer_may_be_signed_by_the_fallback_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INNGEST_SIGNING_KEY_FALLBACK", OLD_KEY)
    client = client_of(production=True)
    handler = handler_of(client, [function_of(client)])
    for key in (KEY, OLD_KEY):
        answer = await asked(handler, request("GET", key=key))
        assert answer.status == 200
        signature = answer.headers["x-inngest-signature"]
        assert signing.verify(answer.body, signature, [KEY, OLD_KEY], wall_clock_ms()) == key


@pytest.mark.parametrize(
    "given",
    [partial(request, "GET", key=KEY), partial(request, "PUT", key=KEY), partial(request, "POST", TRUST, key=KEY)],
)
async def test_an_answer_to_a_signed_request_is_signed(given: Given) -> None:
    answer = await asked(handler_of(CLOUD, [FUNCTIONS[True]]), given())
    assert signing.verify(answer.body, answer.headers["x-inngest-signature"], [KEY], wall_clock_ms()) == KEY


async def test_nothing_is_signed_for_those_that_did_not_sign_nor_in_development() -> None:
    cloud = await asked(handler_of(CLOUD, [FUNCTIONS[True]]), request("PUT"))
    dev = await asked(handler_of(DEV, [FUNCTIONS[False]]), request("GET", key=KEY))
    assert "x-inngest-signature" not in {*cloud.headers, *dev.headers}


async def test_each_answer_says_what_it_comes_from() -> None:
    client = client_of(production=False, env="spring")
    answer = await asked(handler_of(client, [function_of(client)]), request("POST", "probe=moon"))
    timing = answer.headers["server-timing"]
    assert timing.startswith("comm_handler;dur=")
    sdk = "inngest-py:v0.1.0"
    assert answer.headers == {
        "content-type": "application/json",
        "server-timing": timing,
        "user-agent": sdk,
        "x-inngest-env": "spring",
        "x-inngest-expected-server-kind": "dev",
        "x-inngest-framework": "test",
        "x-inngest-req-version": "2",
        "x-inngest-sdk": sdk,
        "x-inngest-sdk-handled": "true",
    }
    assert value_of(answer) == {"code": "unknown", "message": "unsupported probe: moon", "name": "UnknownError"}


async def test_a_refusal_says_little() -> None:
    answer = await asked(handler_of(CLOUD, [FUNCTIONS[True]]), request("GET"))
    assert sorted(answer.headers) == ["content-type", "server-timing", "x-inngest-sdk-handled"]
    assert value_of(answer) == {"message": "Unauthorized"}


async def test_a_server_of_the_other_kind_is_told_so() -> None:
    cloud = await asked(handler_of(CLOUD, [FUNCTIONS[True]]), request("PUT", headers=FROM_DEV))
    dev = await asked(handler_of(DEV, [FUNCTIONS[False]]), request("PUT", headers=FROM_CLOUD))
    assert [value_of(answer) for answer in (cloud, dev)] == [
        {
            "code": "server_kind_mismatch",
            "message": "Sync rejected since it's from a Dev Server but expected Cloud",
        },
        {
            "code": "server_kind_mismatch",
            "message": "Sync rejected since it's from Cloud but expected Dev Server",
        },
    ]
    assert value_of(await asked(handler_of(DEV, [FUNCTIONS[False]]), request("GET", headers=FROM_CLOUD))) == {}


# -- introspection


async def test_anybody_sees_of_an_app_in_development_how_many_functions_it_has() -> None:
    answer = await asked(handler_of(DEV, [FUNCTIONS[False]]), request("GET"))
    assert value_of(answer) == {
        "schema_version": "2024-05-24",
        "function_count": 1,
        "has_event_key": False,
        "has_signing_key": False,
        "has_signing_key_fallback": False,
        "mode": "dev",
    }


async def test_a_server_in_production_sees_the_settings_and_no_secret() -> None:
    client = client_of(production=True, event_key="an event key", env="spring")
    handler = handler_of(client, [function_of(client)], serve_origin="shop.example", serve_path="/other")
    answer = await asked(handler, request("GET", key=KEY))
    assert value_of(answer) == {
        "schema_version": "2024-05-24",
        "function_count": 1,
        "has_event_key": True,
        "has_signing_key": True,
        "has_signing_key_fallback": False,
        "mode": "cloud",
        "api_origin": "https://api.inngest.com/",
        "app_id": "shop",
        "authentication_succeeded": True,
        "capabilities": {"connect": "v1", "in_band_sync": "v1", "trust_probe": "v1"},
        "env": "spring",
        "event_api_origin": "https://inn.gs/",
        "event_key_hash": hashlib.sha256(b"an event key").hexdigest(),
        "framework": "test",
        "sdk_language": "py",
        "sdk_version": "0.1.0",
        "serve_origin": "https://shop.example",
        "serve_path": "/other",
        "signing_key_fallback_hash": None,
        "signing_key_hash": "a8faed6abbf35c12a4b26e40f6feb19d736d90045c83b9f9a31f638d323e6811",
    }
    assert b"an event key" not in answer.body
    assert KEY.encode() not in answer.body


# -- registering


async def test_functions_are_registered_by_a_request_of_the_apps_own() -> None:
    told = '{"ok":true,  "modified":false}'
    api = FakeApi(reply(200, told))
    answer = await asked(
        handler_of(DEV, [FUNCTIONS[False]], api), request("PUT", "deployId=d1&other=2", headers=FROM_DEV)
    )
    assert (answer.status, answer.body, answer.headers["x-inngest-sync-kind"]) == (200, told.encode(), "out_of_band")
    (sent,) = api.asked
    assert (sent.method, sent.url) == ("POST", "http://127.0.0.1:8288/fn/register?deployId=d1")
    assert sent.headers == {
        "content-type": "application/json",
        "user-agent": "inngest-py:v0.1.0",
        "x-inngest-expected-server-kind": "dev",
        "x-inngest-framework": "test",
        "x-inngest-req-version": "2",
        "x-inngest-sdk": "inngest-py:v0.1.0",
    }
    assert json.loads(sent.content or b"") == {
        "appname": "shop",
        "capabilities": {"connect": "v1", "in_band_sync": "v1", "trust_probe": "v1"},
        "deploy_type": "ping",
        "framework": "test",
        "functions": [
            {
                "id": "shop-pay",
                "name": "pay",
                "triggers": [{"event": "shop/paid"}],
                "steps": {
                    "step": {
                        "id": "step",
                        "name": "step",
                        "retries": {"attempts": 4},
                        "runtime": {"type": "http", "url": f"{URL}?fnId=shop-pay&stepId=step"},
                    }
                },
            }
        ],
        "sdk": "py:v0.1.0+pyngest",
        "url": URL,
        "v": "0.1",
    }


async def test_a_key_is_shown_to_the_server_hashed_and_then_the_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INNGEST_SIGNING_KEY_FALLBACK", OLD_KEY)
    api = FakeApi(reply(401, {}), reply(200, {}), reply(200, {}))
    client = client_of(production=True)
    handler = handler_of(client, [function_of(client)], api)
    for _ in range(2):
        assert (await asked(handler, request("PUT"))).status == 200
    shown = [sent.headers["authorization"] for sent in api.asked]
    bearer = [f"Bearer {signing.hashed(key)}" for key in (KEY, OLD_KEY)]
    assert shown == [bearer[0], bearer[1], bearer[1]]


@pytest.mark.parametrize("status", [400, 500])
async def test_what_the_server_says_is_passed_on(status: int) -> None:
    answer = await asked(handler_of(DEV, [FUNCTIONS[False]], FakeApi(reply(status, {"error": "no"}))), request("PUT"))
    assert (answer.status, value_of(answer)) == (200, {"error": "no"})


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (reply(502, "bad gateway"), "response is not valid JSON"),
        (reply(200, []), "response is not an object"),
        (HttpError("refused"), "http://127.0.0.1:8288/ does not answer: refused"),
    ],
)
async def test_a_server_that_does_not_answer_as_it_should_is_told_of(said: Any, message: str) -> None:
    answer = await asked(handler_of(DEV, [FUNCTIONS[False]], FakeApi(said)), request("PUT"))
    assert answer.status == 500
    assert value_of(answer) == {"code": "registration_failed", "message": message, "name": "RegistrationFailedError"}


async def test_an_app_without_functions_is_not_registered() -> None:
    api = FakeApi()
    answer = await asked(handler_of(DEV, [], api), request("PUT"))
    assert answer.status == 500
    assert value_of(answer)["message"] == "no functions found"
    assert api.asked == []


async def test_in_band_functions_stand_in_the_answer() -> None:
    client = client_of(production=True, app_version="7")
    api = FakeApi()
    handler = handler_of(client, [function_of(client)], api)
    answer = await asked(handler, request("PUT", body=URL_BODY, key=KEY, headers=IN_BAND))
    assert answer.headers["x-inngest-sync-kind"] == "in_band"
    told = value_of(answer)
    inspection, functions = told.pop("inspection"), told.pop("functions")
    assert told == {
        "app_id": "shop",
        "appVersion": "7",
        "framework": "test",
        "sdk_author": "inngest",
        "sdk_language": "py",
        "sdk_version": "0.1.0+pyngest",
        "url": "https://seen.example/api/inngest",
    }
    assert inspection["signing_key_hash"] == signing.hashed(KEY)
    assert "serve_origin" not in inspection
    url = "https://seen.example/api/inngest?fnId=shop-pay&stepId=step"
    assert functions[0]["steps"]["step"]["runtime"]["url"] == url
    assert api.asked == []


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, URL),
        ({"serve_origin": "https://shop.example/ignored"}, "https://shop.example/api/inngest"),
        ({"serve_origin": "shop.example:81"}, "https://shop.example:81/api/inngest"),
        ({"serve_path": "/jobs"}, "http://app.example:9000/jobs"),
        ({"serve_path": "/jobs", "public_path": "/out"}, "http://app.example:9000/out"),
        ({"serve_origin": "http://a.b", "public_path": "out"}, "http://a.b/out"),
    ],
)
async def test_the_url_that_is_registered_follows_the_settings(options: dict[str, Any], url: str) -> None:
    api = FakeApi()
    await asked(handler_of(DEV, [FUNCTIONS[False]], api, **options), request("PUT"))
    assert json.loads(api.asked[0].content or b"")["url"] == url


async def test_a_failure_handler_is_a_function_of_its_own() -> None:
    client = client_of(production=False)

    def sorry(ctx: inngest.ContextSync) -> None: ...

    @client.create_function(
        fn_id="pay",
        name="Pay",
        trigger=inngest.TriggerCron(cron="0 0 * * *"),
        retries=2,
        on_failure=sorry,
        concurrency=[inngest.Concurrency(limit=3)],
    )
    def pay(ctx: inngest.ContextSync) -> None: ...

    api = FakeApi()
    handler = handler_of(client, [pay], api)
    await asked(handler, request("PUT"))
    own, failure = json.loads(api.asked[0].content or b"")["functions"]
    assert own["triggers"] == [{"cron": "0 0 * * *"}]
    assert own["concurrency"] == [{"limit": 3}]
    assert (failure["id"], failure["name"]) == ("shop-pay-failure", "Pay (failure)")
    condition = "event.data.function_id == 'shop-pay'"
    assert failure["triggers"] == [{"event": "inngest/function.failed", "expression": condition}]
    assert "concurrency" not in failure
    assert (own["steps"]["step"]["retries"], failure["steps"]["step"]["retries"]) == ({"attempts": 2}, {"attempts": 0})
    assert value_of(await asked(handler, request("GET")))["function_count"] == 1


def test_production_needs_a_key_and_says_so_where_it_is_served() -> None:
    client = inngest.Inngest(app_id="shop", is_production=True)
    with pytest.raises(errors.SigningKeyMissingError, match="INNGEST_SIGNING_KEY"):
        handler_of(client, [])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"signing_key": "abc"},
            r"signing_key \(INNGEST_SIGNING_KEY\): a signing key is an even number of hexadecimal",
        ),
        ({"signing_key": KEY, "fallback": "xyz"}, "INNGEST_SIGNING_KEY_FALLBACK: a signing key is"),
    ],
)
def test_a_key_that_is_none_is_refused_where_it_is_served(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], text: str
) -> None:
    if "fallback" in given:
        monkeypatch.setenv("INNGEST_SIGNING_KEY_FALLBACK", given["fallback"])
    client = inngest.Inngest(app_id="shop", is_production=True, signing_key=given["signing_key"])
    with pytest.raises(ValueError, match=text) as caught:
        handler_of(client, [])
    assert given["signing_key"] not in str(caught.value)


def test_what_is_no_client_and_no_list_of_functions_is_said() -> None:
    client = client_of(production=False)
    function = function_of(client)

    async def plain() -> None: ...

    for functions, text in (
        (function, r"functions: expected a list of functions, got one function, shop-\w+: write \[that function\]"),
        (
            [function, plain],
            r"functions\[1\]: expected a function of a client, got plain, which is not one yet: decorate",
        ),
        ([3], r"functions\[0\]: expected a function of a client, got 3"),
        (3, "functions: expected a list of functions, got int"),
    ):
        with pytest.raises(TypeError, match=text):
            handler_of(client, cast("Any", functions))
    with pytest.raises(TypeError, match=r"client: expected an inngest\.Inngest, got object; serve takes"):
        handler_of(cast("Any", object()), [function])


def test_more_functions_than_an_app_has_are_refused_when_they_are_served() -> None:
    client = client_of(production=False)
    event = inngest.TriggerEvent(event="shop/paid")

    async def handled(ctx: inngest.Context) -> None: ...

    def functions(count: int) -> list[Any]:
        return [client.create_function(fn_id=f"f{n}", trigger=event, on_failure=handled)(handled) for n in range(count)]

    handler_of(client, functions(500))
    with pytest.raises(
        ValueError, match="functions: there are 1,002, each on_failure counted as one, and an app has at"
    ):
        handler_of(client, functions(501))


async def test_the_reason_of_a_refusal_is_logged_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(production=True)
    handler = handler_of(client, [function_of(client)])
    caplog.clear()
    now = wall_clock_ms()
    monkeypatch.setattr(handler_module, "wall_clock_ms", lambda: now)
    for _ in range(3):
        assert (await asked(handler, request("POST", key=KEY, age=400_000))).status == 401
    now += 60_000
    assert (await asked(handler, request("POST", key=OLD_KEY))).status == 401
    first, second = caplog.messages
    assert first.startswith("a request was refused: the signature is of ")
    assert first.endswith("at most 300 seconds may lie between. Set the clocks right")
    assert second == "a request was refused: the signature is of another body, or made with another signing key"
