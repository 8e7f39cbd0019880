"""Mode, keys and origins of a client, from its arguments and its environment."""

from __future__ import annotations

import datetime
import logging
from typing import Any

import pytest

import inngest
from inngest.errors import FunctionConfigInvalidError, URLInvalidError

VARIABLES = (
    "INNGEST_API_BASE_URL",
    "INNGEST_BASE_URL",
    "INNGEST_DEV",
    "INNGEST_ENV",
    "INNGEST_EVENT_API_BASE_URL",
    "INNGEST_EVENT_KEY",
    "INNGEST_SIGNING_KEY",
    "INNGEST_SIGNING_KEY_FALLBACK",
    "RAILWAY_GIT_BRANCH",
    "RENDER_GIT_BRANCH",
    "VERCEL_GIT_COMMIT_REF",
)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def client(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str] | None = None, **values: Any) -> inngest.Inngest:
    for name, value in (environ or {}).items():
        monkeypatch.setenv(name, value)
    return inngest.Inngest(app_id="app", **values)


@pytest.mark.parametrize(
    ("environ", "argument", "is_production"),
    [
        ({}, None, True),
        ({"INNGEST_DEV": ""}, None, True),
        ({"INNGEST_DEV": "0"}, None, True),
        ({"INNGEST_DEV": "FALSE"}, None, True),
        ({"INNGEST_DEV": "1"}, None, False),
        ({"INNGEST_DEV": "true"}, None, False),
        ({"INNGEST_DEV": "no"}, None, False),
        ({"INNGEST_DEV": "http://dev:8288"}, None, False),
        ({"INNGEST_DEV": "1"}, True, True),
        ({}, False, False),
    ],
)
def test_the_mode(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], argument: bool | None, is_production: bool
) -> None:
    assert client(monkeypatch, environ, is_production=argument).is_production is is_production


DEFAULTS = ("https://api.inngest.com/", "https://inn.gs/")
DEV = ("http://127.0.0.1:8288/",) * 2


@pytest.mark.parametrize(
    ("environ", "arguments", "origins"),
    [
        ({}, {}, DEFAULTS),
        ({"INNGEST_DEV": "1"}, {}, DEV),
        ({}, {"is_production": False}, DEV),
        ({"INNGEST_DEV": "http://dev:9000"}, {}, ("http://dev:9000",) * 2),
        ({"INNGEST_DEV": "dev.local"}, {}, ("http://dev.local",) * 2),
        ({"INNGEST_BASE_URL": "https://base.example"}, {}, ("https://base.example",) * 2),
        ({"INNGEST_BASE_URL": "base:1", "INNGEST_DEV": "http://dev:9000"}, {}, ("http://base:1",) * 2),
        (
            {"INNGEST_API_BASE_URL": "api.example", "INNGEST_BASE_URL": "https://base.example"},
            {},
            ("https://api.example", "https://base.example"),
        ),
        ({"INNGEST_EVENT_API_BASE_URL": "http://events:1"}, {}, (DEFAULTS[0], "http://events:1")),
        (
            {"INNGEST_API_BASE_URL": "http://a:1", "INNGEST_EVENT_API_BASE_URL": "http://b:1"},
            {"api_base_url": "http://c:1", "event_api_base_url": "http://d:1"},
            ("http://c:1", "http://d:1"),
        ),
    ],
)
def test_the_origins(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], arguments: dict[str, Any], origins: tuple[str, str]
) -> None:
    made = client(monkeypatch, environ, **arguments)
    assert (made.api_origin, made.event_api_origin) == origins


@pytest.mark.parametrize(
    ("url", "is_production", "origin"),
    [
        ("localhost:8288", False, "http://localhost:8288"),
        ("inngest.example", True, "https://inngest.example"),
        ("http://inngest.example", True, "http://inngest.example"),
        ("https://inngest.example/prefix/", True, "https://inngest.example/prefix/"),
        ("[::1]:8288", False, "http://[::1]:8288"),
    ],
)
def test_a_url_gets_a_scheme_by_mode(
    monkeypatch: pytest.MonkeyPatch, url: str, is_production: bool, origin: str
) -> None:
    assert client(monkeypatch, event_api_base_url=url, is_production=is_production).event_api_origin == origin


@pytest.mark.parametrize("url", ["localhost", "http://", "ftp://a.b", "http://a:b", "http://[a", "https://:80"])
def test_a_url_without_domain_or_port_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with pytest.raises(URLInvalidError, match="expected something like http://localhost:8288"):
        client(monkeypatch, api_base_url=url)


@pytest.mark.parametrize(
    ("environ", "argument", "env"),
    [
        ({}, None, None),
        ({"INNGEST_ENV": "a", "RAILWAY_GIT_BRANCH": "b"}, None, "a"),
        ({"RAILWAY_GIT_BRANCH": "b", "RENDER_GIT_BRANCH": "c"}, None, "b"),
        ({"RENDER_GIT_BRANCH": "c", "VERCEL_GIT_COMMIT_REF": "d"}, None, "c"),
        ({"RENDER_GIT_BRANCH": "", "VERCEL_GIT_COMMIT_REF": "d"}, None, "d"),
        ({"INNGEST_ENV": "a"}, "given", "given"),
    ],
)
def test_the_name_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], argument: str | None, env: str | None
) -> None:
    assert client(monkeypatch, environ, env=argument).env == env


def test_keys_come_from_the_arguments_then_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {
        "INNGEST_EVENT_KEY": "event\n",
        "INNGEST_SIGNING_KEY": "signkey-test-00",
        "INNGEST_SIGNING_KEY_FALLBACK": "signkey-test-01",
    }
    read = client(monkeypatch, environ)
    assert (read.event_key, read.signing_key, read.signing_key_fallback) == (
        "event",  # the line break is the file's from which it was read
        "signkey-test-00",
        "signkey-test-01",
    )
    given = client(monkeypatch, event_key="mine", signing_key="signkey-test-02")
    assert (given.event_key, given.signing_key) == ("mine", "signkey-test-02")


def test_a_client_for_production_needs_no_keys_to_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = client(monkeypatch)
    assert (made.event_key, made.signing_key, made.signing_key_fallback) == (None, None, None)


def test_a_branch_key_without_an_environment_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client(monkeypatch, signing_key="signkey-branch-00")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "pass env, or set INNGEST_ENV" in caplog.text
    caplog.clear()
    client(monkeypatch, signing_key="signkey-branch-00", env="feature")
    client(monkeypatch, signing_key="signkey-test-00")
    assert caplog.text == ""


@pytest.mark.parametrize("given", [0, -1, True, 1.5, "30s", datetime.timedelta(0)])
def test_a_request_timeout_is_a_duration_over_zero(monkeypatch: pytest.MonkeyPatch, given: Any) -> None:
    with pytest.raises(FunctionConfigInvalidError, match="request_timeout: expected milliseconds as int"):
        client(monkeypatch, request_timeout=given)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"app_id": ""}, "app_id: expected a text that is not empty"),
        ({"app_id": None}, "app_id: expected a text that is not empty, got None"),
        ({"app_id": "a", "middleware": [object()]}, "middleware: expected a list of middleware classes"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(FunctionConfigInvalidError, match=words):
        inngest.Inngest(**arguments)


def test_the_logger_and_middleware_can_be_set_later() -> None:
    made = inngest.Inngest(app_id="app", app_version="1.2")
    logger = logging.getLogger("mine")
    made.set_logger(logger)
    made.add_middleware(inngest.MiddlewareSync)
    assert (made.logger, made.middleware, made.app_version) == (logger, [inngest.MiddlewareSync], "1.2")
    with pytest.raises(FunctionConfigInvalidError, match="middleware: expected"):
        made.add_middleware(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
